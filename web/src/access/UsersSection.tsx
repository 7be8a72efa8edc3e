import { Body1, Button, Checkbox, Field, Input, Skeleton, SkeletonItem, Tooltip, useRestoreFocusTarget } from "@fluentui/react-components";
import { AddRegular, DeleteRegular, EditRegular } from "@fluentui/react-icons";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { Problem } from "../api/problem";
import { addUser, editUser, removeUser, type Role, type User, users } from "../api/session";
import { useTell } from "../app/toasts";
import { Failed } from "../parts/Failed";
import { FormDialog } from "../parts/FormDialog";
import { Section } from "../parts/Page";
import { PasswordInput } from "../parts/PasswordInput";
import { SimpleTable } from "../parts/SimpleTable";
import { useFrame } from "../parts/styles";
import { When } from "../parts/When";
import { RoleField } from "./RoleField";

const PASSWORD_HINT = "12 characters or more; a sentence is fine";

type Open = { kind: "add" } | { kind: "edit" | "remove"; user: User } | null;

export function UsersSection() {
  const frame = useFrame();
  const tell = useTell();
  const queries = useQueryClient();
  const restore = useRestoreFocusTarget();
  const [open, setOpen] = useState<Open>(null);
  const { data, error, refetch } = useQuery({ queryKey: ["users"], queryFn: users });
  const done = (text: string) => {
    setOpen(null);
    tell(text);
    void queries.invalidateQueries({ queryKey: ["users"] });
    void queries.invalidateQueries({ queryKey: ["sessions"] });
  };
  const close = () => setOpen(null);
  return (
    <Section
      title="Users"
      actions={
        <Button icon={<AddRegular />} {...restore} onClick={() => setOpen({ kind: "add" })}>
          Add user
        </Button>
      }
    >
      {error && !data ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Skeleton aria-label="Loading users">
          <SkeletonItem size={64} />
        </Skeleton>
      ) : (
        <SimpleTable
          label="Users"
          rows={data}
          rowKey={({ id }) => id}
          columns={[
            ["User name", ({ user }) => <strong>{user}</strong>],
            ["Role", ({ role }) => role],
            ["Second factor", ({ totp }) => (totp ? "on" : "off")],
            ["Last sign-in", ({ last_sign_in: at }) => (at ? <When at={at} /> : "never")],
            [
              "Actions",
              (user) => (
                <span className={frame.row}>
                  <Tooltip content="Edit" relationship="label">
                    <Button size="small" appearance="subtle" icon={<EditRegular />} {...restore} onClick={() => setOpen({ kind: "edit", user })} />
                  </Tooltip>
                  <Tooltip content="Remove" relationship="label">
                    <Button size="small" appearance="subtle" icon={<DeleteRegular />} {...restore} onClick={() => setOpen({ kind: "remove", user })} />
                  </Tooltip>
                </span>
              ),
            ],
          ]}
        />
      )}
      {open?.kind === "add" && <AddDialog onDone={done} onClose={close} />}
      {open?.kind === "edit" && <EditDialog user={open.user} onDone={done} onClose={close} />}
      {open?.kind === "remove" && <RemoveDialog user={open.user} onDone={done} onClose={close} />}
    </Section>
  );
}

interface DialogProps {
  onDone: (text: string) => void;
  onClose: () => void;
}

function AddDialog({ onDone, onClose }: DialogProps) {
  const [user, setUser] = useState("");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<Role>("viewer");
  const [tried, setTried] = useState(false);
  const attempt = useMutation({ mutationFn: () => addUser({ user: user.trim(), password, role }), onSuccess: () => onDone(`${user.trim()} was added`) });
  const at = fieldText(attempt.error);
  const save = () => {
    setTried(true);
    if (user.trim() && password) attempt.mutate();
  };
  return (
    <FormDialog title="Add User" action="Save" busy={attempt.isPending} error={at.known ? null : attempt.error} onSubmit={save} onClose={onClose}>
      <Field label="User name" validationMessage={tried && !user.trim() ? "Give a user name." : at.text("user")}>
        <Input value={user} autoFocus autoComplete="off" onChange={(_, { value }) => setUser(value)} />
      </Field>
      <Field label="Password" hint={PASSWORD_HINT} validationMessage={tried && !password ? "Give a password." : at.text("password")}>
        <PasswordInput value={password} autoComplete="new-password" onChange={setPassword} />
      </Field>
      <RoleField role={role} onRole={setRole} />
    </FormDialog>
  );
}

function EditDialog({ user, onDone, onClose }: DialogProps & { user: User }) {
  const [role, setRole] = useState(user.role);
  const [password, setPassword] = useState("");
  const [removeTotp, setRemoveTotp] = useState(false);
  const attempt = useMutation({
    mutationFn: () => editUser(user.id, { ...(role !== user.role ? { role } : {}), ...(password ? { password } : {}), ...(removeTotp ? { totp: false } : {}) }),
    onSuccess: () => onDone("Saved"),
  });
  const at = fieldText(attempt.error);
  return (
    <FormDialog title="Edit User" action="Save" busy={attempt.isPending} error={at.known ? null : attempt.error} onSubmit={() => attempt.mutate()} onClose={onClose}>
      <Body1>
        <strong>{user.user}</strong> has to sign in again after a change.
      </Body1>
      <RoleField role={role} onRole={setRole} />
      <Field label="New password" hint={`Stays as it is if this is empty. ${PASSWORD_HINT}`} validationMessage={at.text("password")}>
        <PasswordInput value={password} autoComplete="new-password" onChange={setPassword} />
      </Field>
      {user.totp && (
        <Field hint="For somebody who has lost their authenticator app and the recovery codes">
          <Checkbox label="Remove the second factor" checked={removeTotp} onChange={(_, { checked }) => setRemoveTotp(checked === true)} />
        </Field>
      )}
    </FormDialog>
  );
}

function RemoveDialog({ user, onDone, onClose }: DialogProps & { user: User }) {
  const attempt = useMutation({ mutationFn: () => removeUser(user.id), onSuccess: () => onDone(`${user.user} was removed`) });
  return (
    <FormDialog title="Remove User" action="Remove" busy={attempt.isPending} error={attempt.error} onSubmit={() => attempt.mutate()} onClose={onClose}>
      <Body1>
        Remove <strong>{user.user}</strong>? Their sessions end at once.
      </Body1>
    </FormDialog>
  );
}

function fieldText(error: unknown): { known: boolean; text: (field: string) => string | undefined } {
  const problem = error instanceof Problem ? error : undefined;
  const field = problem?.code === "name_taken" ? "user" : problem?.field;
  return { known: field === "user" || field === "password", text: (name) => (field === name ? problem?.atField : undefined) };
}
