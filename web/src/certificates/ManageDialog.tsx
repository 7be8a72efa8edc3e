import { Button, Dialog, DialogBody, DialogContent, DialogSurface, DialogTitle, makeStyles } from "@fluentui/react-components";
import { DismissRegular, OpenRegular } from "@fluentui/react-icons";
import { useNavigate } from "react-router";
import type { Certificate } from "../api/queries";
import { CertificateManager } from "./CertificateManager";

const useStyles = makeStyles({
  surface: { maxWidth: "min(1160px, calc(100vw - 32px))", width: "100%", "@media (max-width: 640px)": { maxWidth: "100vw", padding: "16px" } },
  // Always the same, so that nothing moves when a row or a notice comes.
  content: { height: "min(600px, calc(100vh - 190px))" },
});

interface Props {
  onAdded?: (certificate: Certificate) => void;
  onClose: () => void;
}

/** The dialog *Manage Certificates*. */
export function ManageDialog({ onAdded, onClose }: Props) {
  const styles = useStyles();
  const navigate = useNavigate();
  return (
    <Dialog open onOpenChange={(_, { open }) => !open && onClose()}>
      <DialogSurface className={styles.surface}>
        <DialogBody>
          <DialogTitle
            action={
              <>
                <Button appearance="subtle" aria-label="Open as a page" title="Open as a page" icon={<OpenRegular />} onClick={() => void navigate("/settings/inventory/list")} />
                <Button appearance="subtle" aria-label="Close" icon={<DismissRegular />} onClick={onClose} />
              </>
            }
          >
            Manage Certificates
          </DialogTitle>
          <DialogContent className={styles.content}>
            <CertificateManager {...(onAdded ? { onAdded } : {})} />
          </DialogContent>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
