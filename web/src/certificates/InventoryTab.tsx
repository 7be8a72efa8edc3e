import { Button, Caption1, makeStyles, Menu, MenuItem, MenuList, MenuPopover, MenuTrigger, Skeleton, SkeletonItem, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { CertificateRegular, ChevronDownRegular } from "@fluentui/react-icons";
import { useQuery } from "@tanstack/react-query";
import { useMatch, useNavigate } from "react-router";
import { allCertificates, type Certificate } from "../api/queries";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { OVER, useClose } from "../parts/overlay";
import { Section } from "../parts/Page";
import { CertificateStatus } from "../parts/Status";
import { useFrame } from "../parts/styles";
import { inDays } from "../parts/time";
import { TextLink } from "../parts/TextLink";
import { ManageDialog } from "./ManageDialog";

const useStyles = makeStyles({
  counts: { display: "flex", flexWrap: "wrap", gap: "32px" },
  count: { fontSize: tokens.fontSizeHero700, lineHeight: tokens.lineHeightHero700, fontWeight: tokens.fontWeightSemibold, fontVariantNumeric: "tabular-nums" },
});

/** What Postern keeps: certificates, for now. */
export function InventoryTab() {
  const frame = useFrame();
  const navigate = useNavigate();
  const managing = useMatch("/settings/inventory/certificates") !== null;
  const restore = useRestoreFocusTarget();
  const close = useClose("/settings/inventory");
  return (
    <div className={frame.page}>
      <div className={frame.row}>
        <Menu inline>
          <MenuTrigger disableButtonEnhancement>
            <Button appearance="primary" icon={<ChevronDownRegular />} iconPosition="after" {...restore}>
              Manage
            </Button>
          </MenuTrigger>
          <MenuPopover>
            <MenuList>
              <MenuItem icon={<CertificateRegular />} onClick={() => void navigate("/settings/inventory/certificates", { state: OVER })}>
                Certificates
              </MenuItem>
            </MenuList>
          </MenuPopover>
        </Menu>
      </div>
      <Summary />
      {managing && <ManageDialog onClose={close} />}
    </div>
  );
}

function Summary() {
  const { data, error, refetch } = useQuery(allCertificates);
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  return (
    <Section title="Certificates" actions={<TextLink to="/settings/inventory/list">Show all as a page</TextLink>}>
      {!data ? (
        <Skeleton aria-label="Loading certificates">
          <SkeletonItem size={64} />
        </Skeleton>
      ) : data.length === 0 ? (
        <Empty icon={<CertificateRegular />} text="No certificates yet: import one or generate one" />
      ) : (
        <Counts certificates={data} />
      )}
    </Section>
  );
}

function Counts({ certificates }: { certificates: Certificate[] }) {
  const styles = useStyles();
  const frame = useFrame();
  const of = (...states: string[]) => certificates.filter(({ status }) => states.includes(status)).length;
  const next = certificates.filter(({ status }) => status !== "expired").sort((a, b) => a.days_left - b.days_left)[0];
  const counts: [string, number][] = [
    ["stored", certificates.length],
    ["expiring within 30 days", of("expiring")],
    ["expired", of("expired")],
    ["not used", certificates.filter(({ used_by }) => used_by.length === 0).length],
  ];
  return (
    <>
      <div className={styles.counts}>
        {counts.map(([word, count]) => (
          <div key={word}>
            <div className={styles.count}>{count}</div>
            <Caption1 className={frame.quiet}>{word}</Caption1>
          </div>
        ))}
      </div>
      {next && (
        <div className={frame.row}>
          <span>Next to expire: {next.name}</span> <CertificateStatus certificate={next} /> {inDays(next.days_left)}
        </div>
      )}
    </>
  );
}
