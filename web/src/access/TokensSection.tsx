import { Body1, Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, Field, Input, Skeleton, SkeletonItem, Tooltip, useRestoreFocusTarget } from "@fluentui/react-components";
import { AddRegular, DeleteRegular, KeyRegular } from "@fluentui/react-icons";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api, type Schemas } from "../api/client";
import { Problem } from "../api/problem";
import { apiTokens } from "../api/queries";
import type { Role } from "../api/session";
import { useTell } from "../app/toasts";
import { Copyable } from "../parts/Copy";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { FormDialog } from "../parts/FormDialog";
import { Section } from "../parts/Page";
import { SimpleTable } from "../parts/SimpleTable";
import { When } from "../parts/When";
import { RoleField } from "./RoleField";

type Token = Schemas["Token"];
type Open = { kind: "create" } | { kind: "delete"; token: Token } | { kind: "show"; created: Schemas["CreatedToken"] } | null;

export function TokensSection() {
  const tell = useTell();
  const queries = useQueryClient();
  const restore = useRestoreFocusTarget();
  const [open, setOpen] = useState<Open>(null);
  const { data, error, refetch } = useQuery(apiTokens);
  const refresh = () => void queries.invalidateQueries({ queryKey: ["tokens"] });
  const close = () => setOpen(null);
  return (
    <Section
      title="API tokens"
      actions={
        <Button icon={<AddRegular />} {...restore} onClick={() => setOpen({ kind: "create" })}>
          Create token
        </Button>
      }
    >
      {error && !data ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Skeleton aria-label="Loading tokens">
          <SkeletonItem size={64} />
        </Skeleton>
      ) : data.length === 0 ? (
        <Empty icon={<KeyRegular />} text="No API tokens: scripts and the command line from afar need one" />
      ) : (
        <SimpleTable
          label="API tokens"
          rows={data}
          rowKey={({ id }) => id}
          columns={[
            ["Name", ({ name }) => <strong>{name}</strong>],
            ["Role", ({ role }) => role],
            [
              "Created",
              ({ created, created_by: by }) => (
                <>
                  <When at={created} /> by {by}
                </>
              ),
            ],
            ["Expires", ({ expires }) => (expires ? <When at={expires} /> : "never")],
            ["Last used", ({ last_used: at }) => (at ? <When at={at} /> : "never")],
            [
              "Actions",
              (token) => (
                <Tooltip content="Delete" relationship="label">
                  <Button size="small" appearance="subtle" icon={<DeleteRegular />} {...restore} onClick={() => setOpen({ kind: "delete", token })} />
                </Tooltip>
              ),
            ],
          ]}
        />
      )}
      {open?.kind === "create" && (
        <CreateDialog
          onClose={close}
          onCreated={(created) => {
            refresh();
            setOpen({ kind: "show", created });
          }}
        />
      )}
      {open?.kind === "show" && <ShowDialog created={open.created} onClose={close} />}
      {open?.kind === "delete" && (
        <DeleteDialog
          token={open.token}
          onClose={close}
          onDeleted={() => {
            refresh();
            tell(`${open.token.name} was deleted`);
            close();
          }}
        />
      )}
    </Section>
  );
}

function CreateDialog({ onCreated, onClose }: { onCreated: (created: Schemas["CreatedToken"]) => void; onClose: () => void }) {
  const [name, setName] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [expires, setExpires] = useState("");
  const [tried, setTried] = useState(false);
  const attempt = useMutation({ mutationFn: () => answer(api.POST("/tokens", { body: { name: name.trim(), role, expires: expires || null } })), onSuccess: onCreated });
  const problem = attempt.error instanceof Problem ? attempt.error : undefined;
  const field = problem?.code === "name_taken" ? "name" : problem?.field;
  const at = (wanted: string) => (field === wanted ? problem?.atField : undefined);
  const save = () => {
    setTried(true);
    if (name.trim()) attempt.mutate();
  };
  return (
    <FormDialog title="Create API Token" action="Create" busy={attempt.isPending} error={field === "name" || field === "expires" ? null : attempt.error} onSubmit={save} onClose={onClose}>
      <Field label="Name" hint="What it is for" validationMessage={tried && !name.trim() ? "Give it a name." : at("name")}>
        <Input value={name} autoFocus autoComplete="off" maxLength={100} onChange={(_, { value }) => setName(value)} />
      </Field>
      <RoleField role={role} onRole={setRole} />
      <Field label="Expires" hint="Never, if it stays empty" validationMessage={at("expires")}>
        <Input type="date" value={expires} onChange={(_, { value }) => setExpires(value)} />
      </Field>
    </FormDialog>
  );
}

/** It is gone once this is closed, so only its button does that. */
function ShowDialog({ created, onClose }: { created: Schemas["CreatedToken"]; onClose: () => void }) {
  return (
    <Dialog open>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>API Token Created</DialogTitle>
          <DialogContent>
            <Body1 block>Copy the token of {created.name} now: it is shown only this once.</Body1>
            <Copyable value={created.token} what="token" />
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              Done
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

function DeleteDialog({ token, onDeleted, onClose }: { token: Token; onDeleted: () => void; onClose: () => void }) {
  const attempt = useMutation({ mutationFn: () => answer(api.DELETE("/tokens/{token}", { params: { path: { token: token.id } } })), onSuccess: onDeleted });
  return (
    <FormDialog title="Delete API Token" action="Delete" busy={attempt.isPending} error={attempt.error} onSubmit={() => attempt.mutate()} onClose={onClose}>
      <Body1>
        Delete the token <strong>{token.name}</strong>? Whatever uses it is refused from then on.
      </Body1>
    </FormDialog>
  );
}
