import { Button, Checkbox, Field, Input, MessageBarBody, Select } from "@fluentui/react-components";
import { type SubmitEvent, useState } from "react";
import { useTell } from "../app/toasts";
import type { Certificate, Cloud } from "../api/queries";
import { Notice } from "../parts/Notice";
import { Refusal } from "../parts/Refusal";
import { Section } from "../parts/Page";
import { useFrame } from "../parts/styles";
import { useWrongField } from "../parts/useWrongField";
import { useMay } from "../session/session";
import { CredentialFields } from "./CredentialFields";
import { addressMistake, clientIdMistake, tenantMistake } from "./draft";
import { RemoveAccountDialog } from "./RemoveAccountDialog";
import { type AccountForm, refusedField } from "./useAccountForm";

/** Microsoft's clouds as its administrators call them. One of the configuration is called what it is called there. */
const CLOUDS: Record<string, string> = {
  global: "Global, with GCC",
  "us-gov": "US Government, GCC High",
  "us-gov-dod": "US Government, DoD",
  china: "China, operated by 21Vianet",
};

interface Props {
  form: AccountForm;
  first: boolean;
  certificates: Certificate[];
  clouds: Cloud[];
}

export function SettingsForm({ form, first, certificates, clouds }: Props) {
  const frame = useFrame();
  const tell = useTell();
  const mayChange = useMay("administrator");
  const [removing, setRemoving] = useState(false);
  const { draft, edit, account } = form;
  const cloud = clouds.find(({ name }) => name === draft.cloud);
  const refused = refusedField(form.error);
  const wrongField = useWrongField(form.tries, form.saving);
  const said = (label: string, field: string, mistake?: string) => {
    if (form.tries > 0 && form.missing.includes(label)) return `${label} is needed.`;
    return mistake ?? (refused?.field === field ? refused.text : undefined);
  };

  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    form.try();
    // The refusal is shown by the form itself.
    if (form.missing.length === 0) form.save().then(() => tell("Saved"), () => undefined);
  };
  return (
    <Section unnamed title={account ? account.name : first ? "E-mail account" : "New account"}>
      <form {...wrongField} className={frame.form} onSubmit={submit} noValidate>
        {/* Fields that are disabled by this alone don't look so. */}
        <fieldset disabled={!mayChange} style={{ display: "contents" }}>
          <Field label="Authentication method">
            <Select defaultValue="oauth">
              <option value="oauth">Microsoft OAuth 2.0 authentication</option>
            </Select>
          </Field>
          <div className={frame.twoColumns}>
            <Field label="Client ID" hint="Application (client) ID" validationMessage={said("Client ID", "client_id", clientIdMistake(draft.clientId, cloud))}>
              <Input disabled={!mayChange} value={draft.clientId} autoComplete="off" spellCheck={false} onChange={(_, { value }) => edit({ clientId: value })} />
            </Field>
            <Field label="Tenant ID" hint="Directory (tenant) ID, or a verified domain" validationMessage={said("Tenant ID", "tenant_id", tenantMistake(draft.tenantId))}>
              <Input disabled={!mayChange} value={draft.tenantId} autoComplete="off" spellCheck={false} onChange={(_, { value }) => edit({ tenantId: value })} />
            </Field>
          </div>
          <CredentialFields form={form} certificates={certificates} said={said} />
          <div className={frame.twoColumns}>
            <Field label="Sign-in" hint={draft.signIn === "delegated" ? "Mail goes out as the person who signs in" : "Mail goes out as From, without a person"}>
              <Select value={draft.signIn} onChange={(_, { value }) => edit({ signIn: value as typeof draft.signIn })}>
                <option value="delegated">Delegated</option>
                <option value="application">Application</option>
              </Select>
            </Field>
            <Field label="Transport" hint={draft.transport === "graph" ? "Recommended" : "SMTP AUTH with a token; must be on for the mailbox"}>
              <Select value={draft.transport} onChange={(_, { value }) => edit({ transport: value as typeof draft.transport })}>
                <option value="graph">Microsoft Graph</option>
                <option value="smtp">SMTP</option>
              </Select>
            </Field>
            <Field
              label="From"
              hint={draft.signIn === "delegated" ? "The mailbox that signs in, if it stays empty" : "The mailbox that mail goes out as"}
              validationMessage={said("From", "from", addressMistake(draft.from))}
            >
              <Input type="email" disabled={!mayChange} value={draft.from} autoComplete="off" onChange={(_, { value }) => edit({ from: value })} />
            </Field>
            <Field label="Cloud" hint={cloud && `Signs in at ${new URL(cloud.login).host}`} validationMessage={said("Cloud", "cloud")}>
              <Select value={draft.cloud} onChange={(_, { value }) => edit({ cloud: value })}>
                {clouds.map(({ name }) => (
                  <option key={name} value={name}>
                    {CLOUDS[name] ?? name}
                  </option>
                ))}
              </Select>
            </Field>
            <Field label="Display name" hint="The tenant, if it stays empty" validationMessage={said("Display name", "name")}>
              <Input disabled={!mayChange} value={draft.name} maxLength={100} autoComplete="off" onChange={(_, { value }) => edit({ name: value })} />
            </Field>
            {!first && (
              <Field label="Default account" hint="Takes the mail for which no account is named">
                <Checkbox label="Use this one" checked={draft.isDefault} disabled={account?.default === true} onChange={(_, { checked }) => edit({ isDefault: checked === true })} />
              </Field>
            )}
          </div>
        </fieldset>
        {!refused && <Refusal error={form.error} />}
        {form.notices.map((notice) => (
          <Notice key={notice} intent="warning">
            <MessageBarBody>{notice}</MessageBarBody>
          </Notice>
        ))}
        {mayChange && (
          <div className={frame.between}>
            <div className={frame.row}>
              <Button type="submit" appearance={form.dirty && account ? "primary" : "secondary"} disabledFocusable={!form.dirty || form.saving}>
                {form.saving ? "Saving…" : "Save"}
              </Button>
              {form.dirty && account && (
                <Button type="button" onClick={form.undo}>
                  Discard changes
                </Button>
              )}
            </div>
            {account && (
              <Button type="button" appearance="subtle" onClick={() => setRemoving(true)}>
                Remove account…
              </Button>
            )}
          </div>
        )}
      </form>
      {removing && account && <RemoveAccountDialog account={account} onClose={() => setRemoving(false)} />}
    </Section>
  );
}
