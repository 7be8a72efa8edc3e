/** One account: its settings, its sign-in, its test mail, and the guide beside them. */
import { makeStyles } from "@fluentui/react-components";
import { useState } from "react";
import { useLocation, useMatch } from "react-router";
import type { Account, Certificate, Cloud, Report } from "../api/queries";
import { ManageDialog } from "../certificates/ManageDialog";
import { useClose } from "../parts/overlay";
import { useFrame } from "../parts/styles";
import { Guide } from "./Guide";
import { SettingsForm } from "./SettingsForm";
import { SignInSection } from "./SignInSection";
import { TestSection } from "./TestSection";
import { UnsavedDialog } from "./UnsavedDialog";
import { useAccountForm } from "./useAccountForm";

const useStyles = makeStyles({
  columns: {
    display: "grid",
    gridTemplateColumns: "minmax(0, 1fr) minmax(360px, 440px)",
    gap: "16px",
    alignItems: "start",
    "@media (max-width: 1180px)": { gridTemplateColumns: "minmax(0, 1fr)" },
  },
});

interface Props {
  account: Account | undefined;
  /** Whether it is the first one: nothing can be undone or removed then. */
  first: boolean;
  certificates: Certificate[];
  clouds: Cloud[];
  redirectUris: string[];
  onCreated: (account: Account) => void;
}

export function Workbench({ account, first, certificates, clouds, redirectUris, onCreated }: Props) {
  const styles = useStyles();
  const frame = useFrame();
  const { search, state } = useLocation() as { search: string; state: unknown };
  const close = useClose({ pathname: "/settings/email", search }, state);
  const managing = useMatch("/settings/email/certificates") !== null;
  const form = useAccountForm(account, clouds, onCreated);
  const [report, setReport] = useState<Report | null>(null);
  const cloud = clouds.find(({ name }) => name === form.draft.cloud);

  return (
    <div className={styles.columns}>
      <div className={frame.page}>
        <SettingsForm form={form} first={first} certificates={certificates} clouds={clouds} />
        <SignInSection form={form} redirectUris={redirectUris} />
        <TestSection form={form} onReport={setReport} />
      </div>
      <Guide form={form} cloud={cloud} certificates={certificates} redirectUris={redirectUris} report={report} />
      <UnsavedDialog edited={form.edited} />
      {managing && (
        <ManageDialog
          onClose={close}
          onAdded={(certificate) => form.edit({ credential: "certificate", certificateId: certificate.id })}
        />
      )}
    </div>
  );
}
