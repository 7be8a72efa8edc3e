import { Caption1, makeStyles, Skeleton, SkeletonItem, tokens } from "@fluentui/react-components";
import { MailRegular } from "@fluentui/react-icons";
import { useQuery } from "@tanstack/react-query";
import { type Account, allAccounts, allCertificates, type Certificate, latestAudit } from "../api/queries";
import { outcomeOf, sentenceOf } from "../audit/words";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { Page, Section } from "../parts/Page";
import { AccountStatus } from "../parts/Status";
import { useFrame } from "../parts/styles";
import { daysUntil, exactly, inDays } from "../parts/time";
import { When } from "../parts/When";
import { TextLink } from "../parts/TextLink";
import { MailSection } from "./MailSection";
import { QueueSection } from "./QueueSection";
import { Verdict } from "./Verdict";

/** From so many days on, what expires is said. */
const SOON_DAYS = 30;

const useStyles = makeStyles({
  columns: { display: "grid", gridTemplateColumns: "repeat(auto-fit, minmax(min(400px, 100%), 1fr))", gap: "16px", alignItems: "start" },
  item: { display: "flex", flexDirection: "column", gap: "4px", padding: "10px 0", borderTop: `1px solid ${tokens.colorNeutralStroke2}`, ":first-child": { borderTopStyle: "none", paddingTop: 0 } },
  line: { display: "grid", gridTemplateColumns: "minmax(0, 1fr) max-content", gap: "12px", alignItems: "baseline" },
  soon: { color: tokens.colorPaletteRedForeground1, fontWeight: tokens.fontWeightSemibold },
});

/** Can my mail flow? */
export function OverviewPage() {
  const styles = useStyles();
  const frame = useFrame();
  const accounts = useQuery(allAccounts);
  const certificates = useQuery(allCertificates);
  const failed = [accounts, certificates].find(({ error, data }) => error && !data);
  return (
    <Page title="Overview">
      {failed ? (
        <Failed error={failed.error} retry={() => void Promise.all([accounts.refetch(), certificates.refetch()])} />
      ) : !accounts.data || !certificates.data ? (
        <Skeleton aria-label="Loading the overview">
          <SkeletonItem size={128} />
        </Skeleton>
      ) : (
        <>
          <Verdict accounts={accounts.data} />
          <div className={styles.columns}>
            <div className={frame.page}>
              <MailSection />
              <Section title="Accounts" actions={<TextLink to="/settings/email">All accounts</TextLink>}>
                <Accounts accounts={accounts.data} />
              </Section>
              <Section title="What expires" actions={<TextLink to="/settings/inventory/list">All certificates</TextLink>}>
                <Expiries accounts={accounts.data} certificates={certificates.data} />
              </Section>
            </div>
            <div className={frame.page}>
              <QueueSection />
              <Section title="What happened last" actions={<TextLink to="/audit">The whole log</TextLink>}>
                <Latest />
              </Section>
            </div>
          </div>
        </>
      )}
    </Page>
  );
}

function Accounts({ accounts }: { accounts: Account[] }) {
  const styles = useStyles();
  const frame = useFrame();
  if (accounts.length === 0)
    return (
      <Empty icon={<MailRegular />} text="No account yet: mail needs a Microsoft 365 account to go out through">
        <TextLink to="/settings/email">Set one up</TextLink>
      </Empty>
    );
  return (
    <ul className={frame.list}>
      {accounts.map((account) => (
        <li key={account.id} className={styles.item}>
          <div className={styles.line}>
            <TextLink to={`/settings/email?account=${account.id}`}>{account.name}</TextLink>
            <AccountStatus account={account} />
          </div>
          <Caption1 className={frame.quiet}>
            {account.from ?? "No sender yet"} · {account.transport === "smtp" ? "SMTP" : "Microsoft Graph"}, {account.sign_in}
            {account.default && accounts.length > 1 ? " · default" : ""}
          </Caption1>
          {account.state.name !== "ready" && account.state.cause && (
            <span className={frame.wrap}>
              {account.state.cause} {account.state.fix} <Caption1 className={frame.quiet}>since </Caption1>
              <When at={account.state.since} />
            </span>
          )}
        </li>
      ))}
    </ul>
  );
}

interface Expiry {
  key: string;
  name: string;
  what: string;
  to: string;
  at: string;
  days: number;
}

/** Certificates and secrets, the next to expire first. */
function expiries(accounts: Account[], certificates: Certificate[]): Expiry[] {
  const ofCertificates = certificates.map(({ id, name, used_by, not_after, days_left }) => ({
    key: id,
    name,
    what: used_by.length > 0 ? `certificate of ${used_by.join(", ")}` : "certificate, not used",
    to: "/settings/inventory/certificates",
    at: not_after,
    days: days_left,
  }));
  const ofSecrets = accounts.flatMap(({ id, name, credential }) =>
    credential.kind === "secret" && credential.expires
      ? [{ key: id, name, what: "client secret", to: `/settings/email?account=${id}`, at: credential.expires, days: daysUntil(credential.expires) }]
      : [],
  );
  return [...ofCertificates, ...ofSecrets].sort((a, b) => a.days - b.days);
}

function Expiries({ accounts, certificates }: { accounts: Account[]; certificates: Certificate[] }) {
  const styles = useStyles();
  const frame = useFrame();
  const all = expiries(accounts, certificates);
  const shown = all.slice(0, 8);
  if (all.length === 0)
    return (
      <Caption1 className={frame.quiet}>
        No certificates yet: <TextLink to="/settings/inventory/certificates">import one or generate one</TextLink>
      </Caption1>
    );
  return (
    <>
      <ul className={frame.list}>
        {shown.map(({ key, name, what, to, at, days }) => (
          <li key={key} className={styles.item}>
            <div className={styles.line}>
              <span className={frame.wrap}>
                <TextLink to={to}>{name}</TextLink> <Caption1 className={frame.quiet}>{what}</Caption1>
              </span>
              <span className={days < SOON_DAYS ? styles.soon : frame.number} title={exactly(at)}>
                {days < 0 ? `expired ${inDays(days)}` : inDays(days)}
              </span>
            </div>
          </li>
        ))}
      </ul>
      {all.length > shown.length && <Caption1 className={frame.quiet}>and {all.length - shown.length} more that last longer</Caption1>}
    </>
  );
}

function Latest() {
  const styles = useStyles();
  const frame = useFrame();
  const { data, error, refetch } = useQuery(latestAudit);
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data)
    return (
      <Skeleton aria-label="Loading the last entries">
        <SkeletonItem size={64} />
      </Skeleton>
    );
  if (data.length === 0) return <Caption1 className={frame.quiet}>Nothing yet</Caption1>;
  return (
    <ul className={frame.list}>
      {data.map((item) => (
        <li key={item.id} className={styles.item}>
          <div className={styles.line}>
            <span className={frame.wrap}>
              {sentenceOf(item)} {outcomeOf(item)}
            </span>
            <Caption1 className={frame.quiet}>
              <When at={item.at} />
            </Caption1>
          </div>
          <Caption1 className={frame.quiet}>
            {item.actor} from {item.source}
          </Caption1>
        </li>
      ))}
    </ul>
  );
}
