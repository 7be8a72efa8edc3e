import { Button, Caption1, Field, Input, makeStyles, mergeClasses, Select, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useRef, useState } from "react";
import { useLocation } from "react-router";
import { useTell } from "../app/toasts";
import { allCertificates, type Certificate } from "../api/queries";
import { ImportDialog } from "../certificates/ImportDialog";
import { base64, CERTIFICATE_FILES, importCertificate, nameOf } from "../certificates/requests";
import { Copyable } from "../parts/Copy";
import { useDrop } from "../parts/FileField";
import { OVER } from "../parts/overlay";
import { PasswordInput } from "../parts/PasswordInput";
import { CertificateStatus } from "../parts/Status";
import { useFrame } from "../parts/styles";
import { daysUntil, inDays } from "../parts/time";
import { TextLink } from "../parts/TextLink";
import { useMay } from "../session/session";
import { Choice, ChoiceGroup } from "./Choice";
import { chosen } from "./draft";
import type { AccountForm } from "./useAccountForm";

const useStyles = makeStyles({
  group: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalS },
  box: {
    display: "flex",
    flexDirection: "column",
    alignSelf: "stretch",
    gap: tokens.spacingVerticalS,
    marginLeft: "32px",
    padding: "8px 12px",
    border: `1px dashed transparent`,
    borderLeft: `2px solid ${tokens.colorNeutralStroke2}`,
    "@media (max-width: 640px)": { marginLeft: 0 },
  },
  over: { border: `1px dashed ${tokens.colorCompoundBrandStroke}`, backgroundColor: tokens.colorBrandBackground2 },
  select: { flexGrow: 1, minWidth: "180px" },
});

interface Props {
  form: AccountForm;
  certificates: Certificate[];
  said: (label: string, field: string) => string | undefined;
}

/** *Client Certificate* or *Client Secret*. */
export function CredentialFields({ form, certificates, said }: Props) {
  const styles = useStyles();
  const { draft, edit } = form;
  const id = useId();
  const mayChange = useMay("administrator");
  const bySecret = draft.credential === "secret";
  // Each of the two buttons has its fields below it.
  return (
    <div className={styles.group}>
      <ChoiceGroup name="Credential">
        <Choice chosen={!bySecret} describedBy={`${id}-recommended`} onChoose={() => edit({ credential: "certificate" })}>
          Client Certificate
        </Choice>
        <CertificateFields form={form} certificates={certificates} disabled={bySecret || !mayChange} error={said("Client Certificate", "credential.certificate")} />
        <Choice chosen={bySecret} onChoose={() => edit({ credential: "secret" })}>
          Client Secret
        </Choice>
        {bySecret && <SecretFields form={form} error={said("Client Secret", "credential.secret")} expiresError={said("Expires", "credential.expires")} />}
      </ChoiceGroup>
      <Caption1 id={`${id}-recommended`}>A certificate is recommended: its private key never leaves Postern.</Caption1>
    </div>
  );
}

function CertificateFields({ form, certificates, disabled, error }: { form: AccountForm; certificates: Certificate[]; disabled: boolean; error: string | undefined }) {
  const styles = useStyles();
  const frame = useFrame();
  const { search, state } = useLocation() as { search: string; state: object | null };
  const { draft, edit } = form;
  const input = useRef<HTMLInputElement>(null);
  const browse = useRef<HTMLButtonElement>(null);
  const restore = useRestoreFocusTarget();
  const upload = useQuickImport((certificate) => edit({ credential: "certificate", certificateId: certificate.id }));
  const takeDropped = (file: File) => {
    // If it has to ask for more in a dialog, the focus comes back here.
    browse.current?.focus();
    upload.take(file);
  };
  const { over, handlers } = useDrop(takeDropped, disabled);
  const certificate = chosen(draft, certificates);
  return (
    <div className={mergeClasses(styles.box, over && styles.over)} {...handlers}>
      <Field label="Client Certificate" validationMessage={error} hint={disabled ? undefined : "Choose a saved one, or drop a .pfx here"}>
        <Select value={draft.certificateId} disabled={disabled} onChange={(_, { value }) => edit({ certificateId: value })}>
          <option value="">{certificates.length === 0 ? "No certificates yet" : "Choose a certificate"}</option>
          {certificates.map(({ id, name }) => (
            <option key={id} value={id}>
              {name}
            </option>
          ))}
        </Select>
      </Field>
      <div className={frame.row}>
        <input
          ref={input}
          type="file"
          aria-label="Certificate file"
          accept={CERTIFICATE_FILES}
          className={frame.hidden}
          tabIndex={-1}
          disabled={disabled}
          onChange={(event) => {
            const file = event.target.files?.[0];
            if (file) upload.take(file);
            event.target.value = "";
          }}
        />
        <Button ref={browse} {...restore} type="button" size="small" disabled={disabled} disabledFocusable={upload.busy} onClick={() => input.current?.click()}>
          {upload.busy ? "Importing…" : "Browse…"}
        </Button>
        <TextLink to={{ pathname: "/settings/email/certificates", search }} state={{ ...state, ...OVER }}>
          Manage certificates
        </TextLink>
      </div>
      {certificate && (
        <div className={frame.row}>
          <CertificateStatus certificate={certificate} />
          <span>{inDays(certificate.days_left)}</span>
          <span className={frame.quiet}>Thumbprint, as the portal shows it:</span>
          <Copyable value={certificate.thumbprint_sha1} what="thumbprint" />
        </div>
      )}
      {certificate?.warnings.map(({ code, text }) => (
        <Caption1 key={code} block>
          {text}
        </Caption1>
      ))}
      {upload.dialog}
    </div>
  );
}

function SecretFields({ form, error, expiresError }: { form: AccountForm; error: string | undefined; expiresError: string | undefined }) {
  const styles = useStyles();
  const frame = useFrame();
  const { draft, edit, account } = form;
  const mayChange = useMay("administrator");
  const stored = account?.credential.kind === "secret";
  const left = draft.secretExpires ? inDays(daysUntil(draft.secretExpires)) : undefined;
  return (
    <div className={styles.box}>
      <div className={frame.twoColumns}>
        <Field label="Client Secret" validationMessage={error} hint={stored ? "One is stored; type here to replace it" : "Its Value, not its Secret ID"}>
          <PasswordInput value={draft.secret} disabled={!mayChange} autoComplete="off" onChange={(secret) => edit({ secret })} />
        </Field>
        <Field label="Expires" validationMessage={expiresError} hint={left ?? "Optional, as the portal says: Postern then warns in time"}>
          <Input
            type="date"
            value={draft.secretExpires}
            // The date is stored with the secret it belongs to.
            disabled={(stored && !draft.secret) || !mayChange}
            onChange={(_, { value }) => edit({ secretExpires: value })}
          />
        </Field>
      </div>
    </div>
  );
}

/** Imports a file as it is; where that is refused, opens the dialog with the file in it and what was refused. */
function useQuickImport(onImported: (certificate: Certificate) => void) {
  const tell = useTell();
  const queries = useQueryClient();
  const [open, setOpen] = useState<{ file: File; refusal: unknown } | null>(null);
  const done = (certificate: Certificate) => {
    setOpen(null);
    queries.setQueryData(allCertificates.queryKey, (before) => [...(before ?? []), certificate]);
    void queries.invalidateQueries({ queryKey: ["certificates"] });
    tell(`${certificate.name} was imported`);
    onImported(certificate);
  };
  const attempt = useMutation({
    mutationFn: async (file: File) => importCertificate({ name: nameOf(file), description: "", exportable: false, file: await base64(file) }),
    onSuccess: done,
    onError: (refusal, file) => setOpen({ file, refusal }),
  });
  return {
    take: (file: File) => attempt.mutate(file),
    busy: attempt.isPending,
    dialog: open && <ImportDialog file={open.file} refusal={open.refusal} onImported={done} onClose={() => setOpen(null)} />,
  };
}
