import { makeStyles, MessageBarBody, tokens } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { Certificate } from "../api/queries";
import { Copyable } from "../parts/Copy";
import { Fold } from "../parts/Fold";
import { FormDialog } from "../parts/FormDialog";
import { Notice } from "../parts/Notice";
import { exactly } from "../parts/time";
import { DescriptionField, NameField } from "./NameFields";
import { blamed, editCertificate } from "./requests";

const useStyles = makeStyles({
  facts: {
    display: "grid",
    gridTemplateColumns: "max-content minmax(0, 1fr)",
    gap: "4px 16px",
    margin: 0,
    fontSize: tokens.fontSizeBase200,
    "& dt": { color: tokens.colorNeutralForeground3 },
    "& dd": { margin: 0, overflowWrap: "anywhere" },
  },
});

interface Props {
  certificate: Certificate;
  onEdited: (certificate: Certificate) => void;
  onClose: () => void;
}

export function EditDialog({ certificate, onEdited, onClose }: Props) {
  const [name, setName] = useState(certificate.name);
  const [description, setDescription] = useState(certificate.description);
  const attempt = useMutation({ mutationFn: () => editCertificate(certificate.id, { name, description }), onSuccess: onEdited });
  const refused = blamed(attempt.error);
  const at = (field: string) => (refused?.field === field ? refused.text : undefined);
  return (
    <FormDialog
      title="Edit Certificate"
      action="Save"
      busy={attempt.isPending}
      error={refused ? null : attempt.error}
      onSubmit={() => name.trim() && attempt.mutate()}
      onClose={onClose}
    >
      <NameField name={name} onName={setName} except={certificate.id} nameError={name.trim() ? at("name") : "Give it a name."} />
      <DescriptionField description={description} onDescription={setDescription} error={at("description")} />
      <Warnings certificate={certificate} />
      <Fold name="Details">
        <Details certificate={certificate} />
      </Fold>
    </FormDialog>
  );
}

function Warnings({ certificate }: { certificate: Certificate }) {
  return certificate.warnings.map(({ code, text }) => (
    <Notice key={code} intent="warning">
      <MessageBarBody>{text}</MessageBarBody>
    </Notice>
  ));
}

function Details({ certificate }: { certificate: Certificate }) {
  const styles = useStyles();
  const facts: [string, string][] = [
    ["Subject", certificate.subject],
    ["Issuer", certificate.issuer],
    ["Serial number", certificate.serial],
    ["Valid from", exactly(certificate.not_before)],
    ["Valid until", exactly(certificate.not_after)],
    ["Key", `${certificate.key.type} ${certificate.key.bits} bits, ${certificate.exportable ? "exportable" : "not exportable"}`],
    ["Signature", certificate.signature_algorithm],
    ["Certificates above", String(certificate.chain_length)],
  ];
  return (
    <dl className={styles.facts}>
      {facts.map(([name, value]) => (
        <div key={name} style={{ display: "contents" }}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
      <dt>SHA-1</dt>
      <dd>
        <Copyable value={certificate.thumbprint_sha1} what="SHA-1 thumbprint" />
      </dd>
      <dt>SHA-256</dt>
      <dd>
        <Copyable value={certificate.thumbprint_sha256} what="SHA-256 thumbprint" />
      </dd>
    </dl>
  );
}
