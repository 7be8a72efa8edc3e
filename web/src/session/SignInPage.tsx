import { Body1, Caption1, Spinner, Title2 } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { type Session, setUpNeeded } from "../api/session";
import { Front } from "../parts/Front";
import { useFrame } from "../parts/styles";
import { SignInForm } from "./SignInForm";

export function SignInPage({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  const frame = useFrame();
  // Where this can't be told, there is the form.
  const { data: fresh, isPending } = useQuery({ queryKey: ["setup"], queryFn: setUpNeeded, retry: false });
  if (isPending) return <Spinner className={frame.centred} label="Loading" />;
  if (fresh) return <FirstStart />;
  return (
    <Front>
      <Title2 as="h1">Sign in</Title2>
      <Body1>to the mail gate at {window.location.host}</Body1>
      <SignInForm onSignedIn={onSignedIn} />
      <Caption1>
        Lost the password? On the server, <code>postern user reset-password</code> gives a new one.
      </Caption1>
    </Front>
  );
}

/** Nobody can sign in yet, so there is nothing to type. */
function FirstStart() {
  return (
    <Front>
      <Title2 as="h1">Set up Postern first</Title2>
      <Body1>Nobody can sign in here yet. The set-up link makes the first administrator; it works once.</Body1>
      <Body1>
        It is in the file <code>setup-link</code> of the data directory on the server, and was shown where Postern was started on a terminal. Open it in this browser.
      </Body1>
      <Body1>
        If it is lost, this makes another one on the server: <code>postern user setup-link</code>.
      </Body1>
    </Front>
  );
}
