import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { Certificate } from "../api/queries";
import { FormDialog } from "../parts/FormDialog";
import { DescriptionField, NameField } from "./NameFields";
import { blamed, importCertificate, nameOf } from "./requests";
import { UploadFields, uploadMistake, UploadOptions, uploadRequest, useUpload } from "./UploadFields";

interface Props {
  /** A file that was already dropped or chosen, and why it was not taken as it is. */
  file?: File | undefined;
  refusal?: unknown;
  onImported: (certificate: Certificate) => void;
  onClose: () => void;
}

export function ImportDialog({ file, refusal, onImported, onClose }: Props) {
  const [name, setName] = useState(file ? nameOf(file) : "");
  const [description, setDescription] = useState("");
  const [upload, setUpload] = useUpload(file ?? null);
  const [tried, setTried] = useState(false);
  const attempt = useMutation({
    mutationFn: async () => importCertificate({ name, description, ...(await uploadRequest(upload)) }),
    onSuccess: onImported,
  });
  const error = attempt.isIdle ? refusal : attempt.error;
  const refused = blamed(error);
  const nameError = tried && !name.trim() ? "Give it a name." : refused?.field === "name" ? refused.text : undefined;

  const save = () => {
    setTried(true);
    if (name.trim() && !uploadMistake(upload)) attempt.mutate();
  };
  return (
    <FormDialog title="Import Certificate" action="Save" busyAction="Checking…" busy={attempt.isPending} error={refused ? null : error} onSubmit={save} onClose={onClose}>
      <NameField name={name} onName={setName} nameError={nameError} />
      <UploadFields
        upload={upload}
        error={error}
        tried={tried}
        onChange={(change) => {
          setUpload((before) => ({ ...before, ...change }));
          if (change.file && !name) setName(nameOf(change.file));
        }}
      />
      <DescriptionField description={description} onDescription={setDescription} error={refused?.field === "description" ? refused.text : undefined} />
      <UploadOptions upload={upload} onChange={(change) => setUpload((before) => ({ ...before, ...change }))} />
    </FormDialog>
  );
}
