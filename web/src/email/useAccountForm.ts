import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../api/client";
import { Problem } from "../api/problem";
import { type Account, allAccounts, type Cloud } from "../api/queries";
import { change, type Draft, draftOf, emptyDraft, missing, newAccount } from "./draft";

export interface AccountForm {
  account: Account | undefined;
  draft: Draft;
  edit: (change: Partial<Draft>) => void;
  /** Whether there is something to save. */
  dirty: boolean;
  /** Whether something was typed that is not saved. */
  edited: boolean;
  /** Fields that are needed and empty. */
  missing: string[];
  /** How often something was tried since the last save: then what is missing is said at the fields. */
  tries: number;
  try: () => void;
  /** Saves if there is something to save, and gives the account as it is then. */
  save: () => Promise<Account>;
  saving: boolean;
  error: unknown;
  /** What the last change brought with it. */
  notices: string[];
  undo: () => void;
}

export function useAccountForm(account: Account | undefined, clouds: Cloud[], onCreated: (account: Account) => void): AccountForm {
  const queries = useQueryClient();
  const [changed, setChanged] = useState<Partial<Draft>>({});
  const [tries, setTries] = useState(0);
  const [notices, setNotices] = useState<string[]>([]);
  const stored = account ? draftOf(account) : emptyDraft(clouds);
  const draft: Draft = { ...stored, ...changed };
  const edited = (Object.keys(changed) as (keyof Draft)[]).some((key) => changed[key] !== stored[key]);
  const dirty = edited || !account;

  const saving = useMutation({
    mutationFn: () =>
      account
        ? answer(api.PATCH("/accounts/{account}", { params: { path: { account: account.id } }, body: change(draft, changed) }))
        : answer(api.POST("/accounts", { body: newAccount(draft) })),
    onSuccess: (saved) => {
      // Shown at once; the list itself is read anew behind it.
      queries.setQueryData(allAccounts.queryKey, (before) => [...(before ?? []).filter(({ id }) => id !== saved.id), saved]);
      void queries.invalidateQueries({ queryKey: ["accounts"] });
      void queries.invalidateQueries({ queryKey: ["certificates"] });
      setChanged({});
      setTries(0);
      setNotices(saved.notices ?? []);
      if (!account) onCreated(saved);
    },
  });

  return {
    account,
    draft,
    edit: (part) => setChanged((before) => ({ ...before, ...part })),
    dirty,
    edited,
    missing: missing(draft, account),
    tries,
    try: () => setTries((before) => before + 1),
    save: () => (account && !dirty ? Promise.resolve(account) : saving.mutateAsync()),
    saving: saving.isPending,
    error: saving.error,
    notices,
    undo: () => {
      setChanged({});
      saving.reset();
    },
  };
}

const FIELDS = ["name", "cloud", "tenant_id", "client_id", "credential.secret", "credential.expires", "from"];
const FIELD_OF_CODE: Record<string, string> = { name_taken: "name", from_missing: "from" };

/** The field that a refusal belongs to, and what to say there. */
export function refusedField(error: unknown): { field: string; text: string } | null {
  if (!(error instanceof Problem)) return null;
  const field = FIELD_OF_CODE[error.code] ?? error.field;
  return field && FIELDS.includes(field) ? { field, text: error.atField } : null;
}
