import { Body1, Field, Select } from "@fluentui/react-components";
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import type { Certificate } from "../api/queries";
import { FormDialog } from "../parts/FormDialog";
import { PasswordInput } from "../parts/PasswordInput";
import { blamed, exportPfx } from "./requests";

interface Props {
  certificate: Certificate;
  onExported: () => void;
  onClose: () => void;
}

/** The one way by which a private key leaves: marked exportable, under a password, noted in the audit log. */
export function ExportDialog({ certificate, onExported, onClose }: Props) {
  const [password, setPassword] = useState("");
  const [repeated, setRepeated] = useState("");
  const [profile, setProfile] = useState("aes256");
  const [tried, setTried] = useState(false);
  const attempt = useMutation({
    mutationFn: () => exportPfx(certificate, { password, repeat_password: repeated, profile }),
    onSuccess: onExported,
  });
  const refused = blamed(attempt.error);
  const differ = repeated !== password && (tried || repeated !== "");
  const save = () => {
    setTried(true);
    if (password && password === repeated) attempt.mutate();
  };
  return (
    <FormDialog title="Download Private Key" action="Download" busy={attempt.isPending} error={refused ? null : attempt.error} onSubmit={save} onClose={onClose}>
      <Body1>
        Certificate and private key of <strong>{certificate.name}</strong> as a .pfx file. Whoever has the file and its password can act as the accounts that use it. The audit log notes this.
      </Body1>
      <Field label="Password" validationMessage={tried && !password ? "A private key leaves only under a password." : refused?.field === "password" ? refused.text : undefined}>
        <PasswordInput value={password} autoComplete="new-password" autoFocus onChange={setPassword} />
      </Field>
      <Field label="Repeat password" validationMessage={differ ? "The two passwords differ." : undefined}>
        <PasswordInput value={repeated} autoComplete="new-password" onChange={setRepeated} />
      </Field>
      <Field label="Encryption">
        <Select value={profile} onChange={(_, { value }) => setProfile(value)}>
          <option value="aes256">AES-256</option>
          <option value="3des">3DES, for Windows Server 2016 and older</option>
        </Select>
      </Field>
    </FormDialog>
  );
}
