import { makeStyles } from "@fluentui/react-components";
import { Section } from "../parts/Page";
import { TextLink } from "../parts/TextLink";
import { CertificateManager } from "./CertificateManager";

const useStyles = makeStyles({ place: { display: "flex", flexDirection: "column", maxHeight: "max(400px, calc(100vh - 290px))" } });

/** The same list as a page, for many. */
export function CertificatesPage() {
  const styles = useStyles();
  return (
    <Section title="Certificates" actions={<TextLink to="/settings/inventory">Back to the inventory</TextLink>}>
      <div className={styles.place}>
        <CertificateManager />
      </div>
    </Section>
  );
}
