import { Section } from "../parts/Page";
import { TextLink } from "../parts/TextLink";
import { CertificateManager } from "./CertificateManager";

/** The same list as a page, for many. */
export function CertificatesPage() {
  return (
    <Section title="Certificates" actions={<TextLink to="/settings/inventory">Back to the inventory</TextLink>}>
      <CertificateManager maxHeight="calc(100vh - 330px)" />
    </Section>
  );
}
