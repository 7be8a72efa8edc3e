import { Body1, Button, Field, Input, Title2 } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { Problem } from "../api/problem";
import { setUp } from "../api/session";
import { Front } from "../parts/Front";
import { PasswordInput } from "../parts/PasswordInput";
import { Refusal } from "../parts/Refusal";
import { useFrame } from "../parts/styles";

/** Where the one-time set-up link leads: makes the first administrator. */
export function SetupPage() {
  const frame = useFrame();
  // The fragment never travels to a server; it leaves the address bar only when it has been used.
  const [token] = useState(() => window.location.hash.slice(1));
  const [user, setUser] = useState("admin");
  const [password, setPassword] = useState("");
  const [repeated, setRepeated] = useState("");
  const attempt = useMutation({
    mutationFn: () => setUp({ token, user: user.trim(), password }),
    onSuccess: () => window.location.replace("/"),
  });
  const refused = attempt.error instanceof Problem ? attempt.error : undefined;
  const differ = repeated !== "" && repeated !== password;

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    if (user.trim() && password && repeated === password) attempt.mutate();
  };
  return (
    <Front>
      <Title2 as="h1">Set up Postern</Title2>
      {token ? (
        <>
          <Body1>Make the first administrator. The set-up link works once; further users are added in Settings, Access.</Body1>
          <form className={frame.form} onSubmit={submit}>
            <Field label="User name" validationMessage={refused?.field === "user" ? refused.atField : undefined}>
              <Input value={user} autoComplete="username" autoFocus onChange={(_, { value }) => setUser(value)} />
            </Field>
            <Field label="Password" hint="A long one; a sentence is fine" validationMessage={refused?.field === "password" ? refused.atField : undefined}>
              <PasswordInput value={password} autoComplete="new-password" onChange={setPassword} />
            </Field>
            <Field label="Repeat password" validationMessage={differ ? "The two passwords differ." : undefined}>
              <PasswordInput value={repeated} autoComplete="new-password" onChange={setRepeated} />
            </Field>
            {!refused?.field && <Refusal error={attempt.error} />}
            <Button type="submit" appearance="primary" disabled={attempt.isPending || !user.trim() || !password || repeated !== password}>
              Create administrator
            </Button>
          </form>
        </>
      ) : (
        <Body1>
          This address needs the set-up link's last part. Open the whole link from the file <code>setup-link</code> in the data directory, or make a new one on the
          server: <code>postern user setup-link</code>.
        </Body1>
      )}
    </Front>
  );
}
