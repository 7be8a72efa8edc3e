import { Body1, Caption1, Title2 } from "@fluentui/react-components";
import type { Session } from "../api/session";
import { Front } from "../parts/Front";
import { SignInForm } from "./SignInForm";

export function SignInPage({ onSignedIn }: { onSignedIn: (session: Session) => void }) {
  return (
    <Front>
      <Title2 as="h1">Sign in</Title2>
      <Body1>to the mail gate at {window.location.host}</Body1>
      <SignInForm onSignedIn={onSignedIn} />
      <Caption1>
        First start? Open the set-up link: it is in the file <code>setup-link</code> of the data directory. Lost a password? On the server, <code>postern user
        reset-password</code> gives a new one.
      </Caption1>
    </Front>
  );
}
