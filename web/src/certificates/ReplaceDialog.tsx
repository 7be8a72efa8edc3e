import { Body1 } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { Certificate } from "../api/queries";
import { FormDialog } from "../parts/FormDialog";
import { blamed, replaceCertificate } from "./requests";
import { UploadFields, uploadMistake, UploadOptions, uploadRequest, useUpload } from "./UploadFields";

interface Props {
  certificate: Certificate;
  onReplaced: (certificate: Certificate) => void;
  onClose: () => void;
}

/** Puts a new file under the same name; the accounts follow. */
export function ReplaceDialog({ certificate, onReplaced, onClose }: Props) {
  const [upload, setUpload] = useUpload();
  const [tried, setTried] = useState(false);
  const attempt = useMutation({
    mutationFn: async () => replaceCertificate(certificate.id, await uploadRequest(upload)),
    onSuccess: onReplaced,
  });
  const change = (part: Partial<typeof upload>) => setUpload((before) => ({ ...before, ...part }));
  const save = () => {
    setTried(true);
    if (!uploadMistake(upload)) attempt.mutate();
  };
  return (
    <FormDialog title="Replace Certificate" action="Save" busyAction="Checking…" busy={attempt.isPending} error={blamed(attempt.error) ? null : attempt.error} onSubmit={save} onClose={onClose}>
      <Body1>
        A new certificate under the name <strong>{certificate.name}</strong>. The accounts that use it follow, so upload the new one to their app registrations first.
      </Body1>
      <UploadFields upload={upload} error={attempt.error} tried={tried} onChange={change} />
      <UploadOptions upload={upload} onChange={change} />
    </FormDialog>
  );
}
