import { Body1 } from "@fluentui/react-components";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useNavigate } from "react-router";
import { answer, api } from "../api/client";
import type { Account } from "../api/queries";
import { useTell } from "../app/toasts";
import { FormDialog } from "../parts/FormDialog";

export function RemoveAccountDialog({ account, onClose }: { account: Account; onClose: () => void }) {
  const tell = useTell();
  const navigate = useNavigate();
  const queries = useQueryClient();
  const attempt = useMutation({
    mutationFn: () => answer(api.DELETE("/accounts/{account}", { params: { path: { account: account.id } } })),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["accounts"] });
      tell(`${account.name} was removed`);
      onClose();
      void navigate("/settings/email", { state: { discard: true } });
    },
  });
  return (
    <FormDialog title="Remove Account" action="Remove" busy={attempt.isPending} error={attempt.error} onSubmit={() => attempt.mutate()} onClose={onClose}>
      <Body1>
        Remove the account <strong>{account.name}</strong> and its sign-in from Postern? The app registration in Azure and the certificates here stay.
      </Body1>
    </FormDialog>
  );
}
