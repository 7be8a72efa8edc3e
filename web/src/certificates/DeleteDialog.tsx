import { Body1 } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import type { Certificate } from "../api/queries";
import { FormDialog } from "../parts/FormDialog";
import { deleteCertificate } from "./requests";

interface Props {
  certificate: Certificate;
  onDeleted: () => void;
  onClose: () => void;
}

export function DeleteDialog({ certificate, onDeleted, onClose }: Props) {
  const attempt = useMutation({ mutationFn: () => deleteCertificate(certificate.id), onSuccess: onDeleted });
  return (
    <FormDialog title="Delete Certificate" action="Delete" busyAction="Deleting…" busy={attempt.isPending} error={attempt.error} onSubmit={() => attempt.mutate()} onClose={onClose}>
      <Body1>
        Delete the certificate <strong>{certificate.name}</strong> with its private key? This can't be undone.
      </Body1>
      {certificate.used_by.length > 0 && (
        <Body1>
          It is used by {certificate.used_by.join(", ")} and can't be deleted before {certificate.used_by.length === 1 ? "that account uses" : "those accounts use"} another one.
        </Body1>
      )}
    </FormDialog>
  );
}
