/** The fields around a certificate file, as *Import* and *Replace…* both have them. */
import { Checkbox, Field, Radio, RadioGroup } from "@fluentui/react-components";
import { useState } from "react";
import { Problem, type KeyChoice } from "../api/problem";
import { FileField } from "../parts/FileField";
import { Fold } from "../parts/Fold";
import { PasswordInput } from "../parts/PasswordInput";
import { day } from "../parts/time";
import { base64, blamed, CERTIFICATE_FILES, MAX_FILE_BYTES } from "./requests";

export interface Upload {
  file: File | null;
  password: string;
  repeated: string;
  exportable: boolean;
  /** Which of several keys. */
  thumbprint: string;
}

export function useUpload(file: File | null = null) {
  return useState<Upload>({ file, password: "", repeated: "", exportable: false, thumbprint: "" });
}

/** What keeps the upload from being sent. */
export function uploadMistake(upload: Upload): { field: "file" | "repeat_password"; text: string } | null {
  if (!upload.file) return { field: "file", text: "Choose a file." };
  if (upload.file.size > MAX_FILE_BYTES) return { field: "file", text: "The file is larger than 1 MiB. A certificate with its key is much smaller: is it the right file?" };
  if (upload.repeated && upload.repeated !== upload.password) return { field: "repeat_password", text: "The two passwords differ." };
  return null;
}

export async function uploadRequest({ file, password, repeated, exportable, thumbprint }: Upload) {
  if (!file) throw new Error("uploadMistake was asked first");
  return {
    file: await base64(file),
    exportable,
    ...(password ? { password } : {}),
    ...(repeated ? { repeat_password: repeated } : {}),
    ...(thumbprint ? { thumbprint } : {}),
  };
}

interface Props {
  upload: Upload;
  onChange: (change: Partial<Upload>) => void;
  error: unknown;
  /** Whether it was tried to send it as it is: then what is missing is said. */
  tried: boolean;
}

export function UploadFields({ upload, onChange, error, tried }: Props) {
  const refused = blamed(error);
  const mistake = uploadMistake(upload);
  const choices = error instanceof Problem ? error.choices : [];
  const said = (field: "file" | "password" | "repeat_password") => {
    // What is plainly wrong is said as one types; what is only missing, once it was tried.
    if (mistake?.field === field && (tried || upload.file)) return mistake.text;
    return refused?.field === field ? refused.text : undefined;
  };
  return (
    <>
      <FileField
        label="Certificate"
        accept={CERTIFICATE_FILES}
        file={upload.file}
        onChoose={(file) => onChange({ file, thumbprint: "" })}
        hint="A .pfx or .p12 file, or a .pem with certificate and private key; 1 MiB at most"
        error={said("file")}
      />
      {choices.length > 0 && <KeyChoices choices={choices} chosen={upload.thumbprint} onChoose={(thumbprint) => onChange({ thumbprint })} />}
      <Field label="Password" hint="Only if the file has one" validationMessage={said("password")}>
        <PasswordInput value={upload.password} autoComplete="off" onChange={(password) => onChange({ password })} />
      </Field>
      <Field label="Repeat password" validationMessage={said("repeat_password") ?? liveMismatch(upload)}>
        <PasswordInput value={upload.repeated} autoComplete="off" onChange={(repeated) => onChange({ repeated })} />
      </Field>
    </>
  );
}

function liveMismatch({ password, repeated }: Upload): string | undefined {
  return repeated && !password.startsWith(repeated) && repeated !== password ? "The two passwords differ." : undefined;
}

function KeyChoices({ choices, chosen, onChoose }: { choices: KeyChoice[]; chosen: string; onChoose: (thumbprint: string) => void }) {
  return (
    <Field label="Which key">
      <RadioGroup value={chosen} onChange={(_, { value }) => onChoose(value)}>
        {choices.map(({ thumbprint_sha1: thumbprint, subject, not_after: end }) => (
          <Radio key={thumbprint} value={thumbprint} label={[subject, end && `until ${day(end)}`, thumbprint].filter(Boolean).join(" · ")} />
        ))}
      </RadioGroup>
    </Field>
  );
}

export function ExportableOption({ exportable, onChange }: { exportable: boolean; onChange: (exportable: boolean) => void }) {
  return (
    <Field hint="The private key may be downloaded later as a .pfx, by administrators, under a password. This can't be changed afterwards.">
      <Checkbox label="Exportable" checked={exportable} onChange={(_, { checked }) => onChange(checked === true)} />
    </Field>
  );
}

export function UploadOptions({ upload, onChange }: { upload: Upload; onChange: (change: Partial<Upload>) => void }) {
  return (
    <Fold name="Options">
      <ExportableOption exportable={upload.exportable} onChange={(exportable) => onChange({ exportable })} />
    </Fold>
  );
}
