import { Link } from "react-router";
import { Section } from "../parts/Page";
import { CertificateManager } from "./CertificateManager";

/** The same list as a page, for many. */
export function CertificatesPage() {
  return (
    <Section title="Certificates" actions={<Link to="/settings/inventory">Back to the inventory</Link>}>
      <CertificateManager maxHeight="calc(100vh - 330px)" />
    </Section>
  );
}
