import { Field, Input, Select } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { Certificate } from "../api/queries";
import { Fold } from "../parts/Fold";
import { FormDialog } from "../parts/FormDialog";
import { DescriptionField, NameField } from "./NameFields";
import { blamed, download, generateCertificate } from "./requests";
import { ExportableOption } from "./UploadFields";

const KEY_SIZES = [2048, 3072, 4096];
const VALIDITIES = [90, 180, 365, 730];

interface Props {
  onGenerated: (certificate: Certificate) => void;
  onClose: () => void;
}

export function GenerateDialog({ onGenerated, onClose }: Props) {
  const [name, setName] = useState("");
  const [description, setDescription] = useState("");
  const [keyBits, setKeyBits] = useState(2048);
  const [days, setDays] = useState(365);
  const [subject, setSubject] = useState("");
  const [exportable, setExportable] = useState(false);
  const [tried, setTried] = useState(false);
  const attempt = useMutation({
    mutationFn: () => generateCertificate({ name, description, key_bits: keyBits, days, subject: subject.trim() || null, exportable }),
    onSuccess: (certificate) => {
      download(certificate, "cer");
      onGenerated(certificate);
    },
  });
  const refused = blamed(attempt.error);
  const at = (field: string) => (refused?.field === field ? refused.text : undefined);

  const save = () => {
    setTried(true);
    if (name.trim()) attempt.mutate();
  };
  return (
    <FormDialog
      title="Generate New Self-Signed Certificate"
      action="Save"
      busyAction="Generating…"
      busy={attempt.isPending}
      error={refused ? null : attempt.error}
      onSubmit={save}
      onClose={onClose}
    >
      <NameField name={name} onName={setName} nameError={tried && !name.trim() ? "Give it a name." : at("name")} />
      <DescriptionField description={description} onDescription={setDescription} error={at("description")} />
      <Fold name="Options" open={refused?.field === "subject"}>
        <Field label="Key size" hint={keyBits === 4096 ? "Takes a second or two to make" : undefined}>
          <Select value={keyBits} onChange={(_, { value }) => setKeyBits(Number(value))}>
            {KEY_SIZES.map((bits) => (
              <option key={bits} value={bits}>
                {bits} bits
              </option>
            ))}
          </Select>
        </Field>
        <Field label="Validity" hint="If the tenant's policy refuses the upload, choose a shorter one">
          <Select value={days} onChange={(_, { value }) => setDays(Number(value))}>
            {VALIDITIES.map((count) => (
              <option key={count} value={count}>
                {count} days
              </option>
            ))}
          </Select>
        </Field>
        <Field label="Subject" hint="Such as CN=mail gate, O=Contoso; the name is taken if it stays empty" validationMessage={at("subject")}>
          <Input value={subject} autoComplete="off" onChange={(_, { value }) => setSubject(value)} />
        </Field>
        <ExportableOption exportable={exportable} onChange={setExportable} />
      </Fold>
    </FormDialog>
  );
}
