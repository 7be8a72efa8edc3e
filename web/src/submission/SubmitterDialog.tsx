import { Checkbox, Field, Input, Select, Switch, Textarea } from "@fluentui/react-components";
import { useMutation, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { addSubmitter, editSubmitter, type MadeSubmitter, type Submitter } from "../api/mail";
import { allAccounts } from "../api/queries";
import { Fold } from "../parts/Fold";
import { FormDialog } from "../parts/FormDialog";
import { PasswordChoice } from "./SecretDialogs";
import { blamed, changeOf, EMPTY, type Form, formOf, mistakes, newSubmitter } from "./form";

interface Props {
  /** The one to edit; without it a new one is added. */
  submitter?: Submitter;
  onSaved: (made: MadeSubmitter) => void;
  onClose: () => void;
}

interface FieldsProps {
  form: Form;
  set: (change: Partial<Form>) => void;
  /** What is wrong with a field. */
  at: (field: keyof Form) => string | undefined;
}

export function SubmitterDialog({ submitter, onSaved, onClose }: Props) {
  const [form, setForm] = useState(submitter ? formOf(submitter) : EMPTY);
  const [tried, setTried] = useState(false);
  const attempt = useMutation({
    mutationFn: () => (submitter ? editSubmitter(submitter.id, changeOf(form, submitter)) : addSubmitter(newSubmitter(form))),
    onSuccess: onSaved,
  });
  const wrong = mistakes(form, !submitter);
  const refused = blamed(attempt.error);
  const at = (field: keyof Form) => (tried && wrong[field] ? wrong[field] : refused?.field === field ? refused.text : undefined);
  const fields: FieldsProps = { form, set: (change) => setForm((before) => ({ ...before, ...change })), at };
  const save = () => {
    setTried(true);
    if (Object.keys(wrong).length === 0) attempt.mutate();
  };
  const moreIsOpen = Boolean(submitter && (form.networks || form.uids || form.token || form.rate || !form.enabled));
  return (
    <FormDialog
      title={submitter ? "Edit Submitter" : "Add Submitter"}
      action="Save"
      busy={attempt.isPending}
      error={refused ? null : attempt.error}
      onSubmit={save}
      onClose={onClose}
    >
      <NameFields {...fields} />
      <LoginFields {...fields} isNew={!submitter} />
      <SenderFields {...fields} />
      {/* What is wrong must be seen: a fold with a mistake in it opens. */}
      <Fold key={String(["networks", "uids", "rate"].some((field) => at(field as keyof Form)))} name="More" open={moreIsOpen || ["networks", "uids", "rate"].some((field) => at(field as keyof Form))}>
        <OtherFields {...fields} />
      </Fold>
    </FormDialog>
  );
}

function NameFields({ form, set, at }: FieldsProps) {
  return (
    <>
      <Field label="Name" validationMessage={at("name")}>
        <Input value={form.name} autoFocus autoComplete="off" maxLength={100} onChange={(_, { value }) => set({ name: value })} />
      </Field>
      <Field label="Description" validationMessage={at("description")}>
        <Input value={form.description} autoComplete="off" maxLength={1000} onChange={(_, { value }) => set({ description: value })} />
      </Field>
    </>
  );
}

function LoginFields({ form, set, at, isNew }: FieldsProps & { isNew: boolean }) {
  return (
    <>
      <Field validationMessage={at("logsIn")}>
        <Checkbox label="It logs in with user name and password" checked={form.logsIn} onChange={(_, { checked }) => set({ logsIn: checked === true })} />
      </Field>
      {form.logsIn && (
        <>
          <Field label="User name" hint="Its name, if this is empty" validationMessage={at("userName")}>
            <Input value={form.userName} placeholder={form.name.trim()} autoComplete="off" maxLength={100} onChange={(_, { value }) => set({ userName: value })} />
          </Field>
          {isNew && (
            <PasswordChoice
              chosen={form.choosesPassword}
              onChosen={(choosesPassword) => set({ choosesPassword })}
              password={form.password}
              onPassword={(password) => set({ password })}
              mistake={at("password")}
            />
          )}
        </>
      )}
    </>
  );
}

function SenderFields({ form, set, at }: FieldsProps) {
  const accounts = useQuery(allAccounts).data ?? [];
  return (
    <>
      <Field label="May send as" hint="One a line: scanner@contoso.com, *@contoso.com. Whoever its account may, if this is empty" validationMessage={at("senders")}>
        <Textarea value={form.senders} rows={2} resize="vertical" onChange={(_, { value }) => set({ senders: value })} />
      </Field>
      <Field label="Any other From" validationMessage={at("foreignFrom")}>
        <Select value={form.foreignFrom} onChange={(_, { value }) => set({ foreignFrom: value === "rewrite" ? "rewrite" : "refuse" })}>
          <option value="refuse">is refused</option>
          <option value="rewrite">is rewritten, and answers still go to it</option>
        </Select>
      </Field>
      <Field label="Account" validationMessage={at("account")}>
        <Select value={form.account} onChange={(_, { value }) => set({ account: value })}>
          <option value="">The one that fits the sender</option>
          {accounts.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
      </Field>
    </>
  );
}

function OtherFields({ form, set, at }: FieldsProps) {
  return (
    <>
      <Field label="Networks" hint="From these it needs no password. One a line: 192.0.2.0/24, 2001:db8::/32" validationMessage={at("networks")}>
        <Textarea value={form.networks} rows={2} resize="vertical" onChange={(_, { value }) => set({ networks: value })} />
      </Field>
      <Checkbox label="API token for the REST API" checked={form.token} onChange={(_, { checked }) => set({ token: checked === true })} />
      <Field label="Local users" hint="Ids of users of this machine who may use sendmail. One a line" validationMessage={at("uids")}>
        <Textarea value={form.uids} rows={1} resize="vertical" onChange={(_, { value }) => set({ uids: value })} />
      </Field>
      <Field label="Messages a minute" hint="As many as it wants, if this is empty" validationMessage={at("rate")}>
        <Input value={form.rate} inputMode="numeric" autoComplete="off" onChange={(_, { value }) => set({ rate: value })} />
      </Field>
      <Switch label="Enabled" checked={form.enabled} onChange={(_, { checked }) => set({ enabled: checked })} />
    </>
  );
}
