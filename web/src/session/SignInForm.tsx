import { Button, Field, Input } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { Problem } from "../api/problem";
import { type Session, signIn } from "../api/session";
import { PasswordInput } from "../parts/PasswordInput";
import { Refusal } from "../parts/Refusal";
import { useFrame } from "../parts/styles";

interface Props {
  /** Who had signed in before; that can't be changed then. */
  user?: string;
  onSignedIn: (session: Session) => void;
}

/** User name, password and, for those who use one, the code of an authenticator app. */
export function SignInForm({ user: given, onSignedIn }: Props) {
  const frame = useFrame();
  const [user, setUser] = useState(given ?? "");
  const [password, setPassword] = useState("");
  const [code, setCode] = useState("");
  const attempt = useMutation({
    mutationFn: () => signIn({ user: user.trim(), password, ...(code ? { code: code.trim() } : {}) }),
    onSuccess: onSignedIn,
  });
  const refused = attempt.error instanceof Problem ? attempt.error : undefined;
  // Once asked for, the code stays asked for: a wrong one is refused by another code.
  const [codeAsked, setCodeAsked] = useState(false);
  if (refused?.code === "code_needed" && !codeAsked) setCodeAsked(true);

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    event.stopPropagation();
    attempt.mutate();
  };
  return (
    <form className={frame.form} onSubmit={submit}>
      <Field label="User name">
        <Input value={user} readOnly={given !== undefined} autoComplete="username" autoFocus={given === undefined} onChange={(_, { value }) => setUser(value)} />
      </Field>
      <Field label="Password">
        <PasswordInput value={password} autoComplete="current-password" autoFocus={given !== undefined} onChange={setPassword} />
      </Field>
      {codeAsked && (
        <Field label="Code" hint="Six digits from your authenticator app, or one of your recovery codes">
          <Input value={code} autoComplete="one-time-code" autoFocus onChange={(_, { value }) => setCode(value)} />
        </Field>
      )}
      {!(refused?.code === "code_needed" && !code) && <Refusal error={attempt.error} />}
      <Button type="submit" appearance="primary" disabled={attempt.isPending}>
        {attempt.isPending ? "Signing in…" : "Sign in"}
      </Button>
    </form>
  );
}
