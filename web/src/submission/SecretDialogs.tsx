import { Body1, Field, Radio, RadioGroup } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { type MadeSubmitter, removeSubmitter, resetPassword, resetToken, type Submitter } from "../api/mail";
import { Problem } from "../api/problem";
import { FormDialog } from "../parts/FormDialog";
import { PasswordInput } from "../parts/PasswordInput";

interface Props<T> {
  submitter: Submitter;
  onDone: (made: T) => void;
  onClose: () => void;
}

export function ResetPasswordDialog({ submitter, onDone, onClose }: Props<MadeSubmitter>) {
  const [chosen, setChosen] = useState(false);
  const [password, setPassword] = useState("");
  const [tried, setTried] = useState(false);
  const attempt = useMutation({ mutationFn: () => resetPassword(submitter.id, chosen ? password : undefined), onSuccess: onDone });
  const refused = attempt.error instanceof Problem && attempt.error.field === "password" ? attempt.error.atField : undefined;
  const save = () => {
    setTried(true);
    if (!chosen || password) attempt.mutate();
  };
  return (
    <FormDialog title="Reset Password" action="Reset" busy={attempt.isPending} error={refused ? null : attempt.error} onSubmit={save} onClose={onClose}>
      <Body1>
        {submitter.has_password ? (
          <>
            The password that <strong>{submitter.name}</strong> has now is void at once: the device can't log in until it has the new one.
          </>
        ) : (
          <>
            <strong>{submitter.name}</strong> will log in as <strong>{submitter.user_name ?? submitter.name}</strong>.
          </>
        )}
      </Body1>
      <PasswordChoice chosen={chosen} onChosen={setChosen} password={password} onPassword={setPassword} mistake={tried && chosen && !password ? "Give a password." : refused} />
    </FormDialog>
  );
}

interface ChoiceProps {
  chosen: boolean;
  onChosen: (chosen: boolean) => void;
  password: string;
  onPassword: (password: string) => void;
  mistake: string | undefined;
}

/** A password that is made, which is better, or one that somebody chose, for devices that take no long ones. */
export function PasswordChoice({ chosen, onChosen, password, onPassword, mistake }: ChoiceProps) {
  return (
    <>
      <RadioGroup aria-label="Which password" value={chosen ? "chosen" : "made"} onChange={(_, { value }) => onChosen(value === "chosen")}>
        <Radio value="made" label="Make a strong one (recommended)" />
        <Radio value="chosen" label="Use one that I choose" />
      </RadioGroup>
      {chosen && (
        <Field label="Password" hint="12 characters or more" validationMessage={mistake}>
          <PasswordInput value={password} autoComplete="new-password" onChange={onPassword} />
        </Field>
      )}
    </>
  );
}

export function ResetTokenDialog({ submitter, onDone, onClose }: Props<MadeSubmitter>) {
  const attempt = useMutation({ mutationFn: () => resetToken(submitter.id), onSuccess: onDone });
  return (
    <FormDialog title="Reset API Token" action="Make a token" busy={attempt.isPending} error={attempt.error} onSubmit={() => attempt.mutate()} onClose={onClose}>
      <Body1>
        {submitter.has_token ? (
          <>
            The token that <strong>{submitter.name}</strong> has now is void at once.
          </>
        ) : (
          <>
            With a token <strong>{submitter.name}</strong> can hand mail over by the REST API.
          </>
        )}
      </Body1>
    </FormDialog>
  );
}

export function RemoveDialog({ submitter, onDone, onClose }: Props<unknown>) {
  const attempt = useMutation({ mutationFn: () => removeSubmitter(submitter.id), onSuccess: onDone });
  return (
    <FormDialog title="Remove Submitter" action="Remove" busy={attempt.isPending} error={attempt.error} onSubmit={() => attempt.mutate()} onClose={onClose}>
      <Body1>
        Remove <strong>{submitter.name}</strong>? It can't hand mail over from then on. What it has handed over goes its way.
      </Body1>
    </FormDialog>
  );
}
