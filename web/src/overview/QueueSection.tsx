import { Caption1, makeStyles, Skeleton, SkeletonItem, tokens } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { type AccountQueue, type Counts, queueNow } from "../api/mail";
import { nextTry, NOT_SENT, WAITING } from "../mail/words";
import { Failed } from "../parts/Failed";
import { Section } from "../parts/Page";
import { useFrame } from "../parts/styles";
import { TextLink } from "../parts/TextLink";
import { When } from "../parts/When";

const useStyles = makeStyles({
  counts: { display: "flex", flexWrap: "wrap", gap: "16px 32px", margin: 0 },
  count: { fontSize: tokens.fontSizeHero700, lineHeight: tokens.lineHeightHero700, fontWeight: tokens.fontWeightSemibold, fontVariantNumeric: "tabular-nums" },
  item: { display: "flex", flexDirection: "column", gap: "4px", padding: "10px 0 0", borderTop: `1px solid ${tokens.colorNeutralStroke2}` },
});

/** How many wait, are held, or have failed, by the list that shows them. */
const COUNTS: { word: string; states: string; of: (counts: Counts) => number }[] = [
  { word: "waiting", states: WAITING, of: waitingOf },
  { word: "held", states: "held", of: ({ held }) => held },
  { word: "failed or expired", states: NOT_SENT, of: ({ failed, expired }) => failed + expired },
];

export function waitingOf({ queued, deferred, sending }: Counts): number {
  return queued + deferred + sending;
}

/** The queue now, the oldest that waits, and what is paused and why. */
export function QueueSection() {
  const { data, error, refetch } = useQuery(queueNow);
  return (
    <Section title="The queue now" actions={<TextLink to="/mail">All mail</TextLink>}>
      {error && !data ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Skeleton aria-label="Loading the queue">
          <SkeletonItem size={64} />
        </Skeleton>
      ) : (
        <>
          <Numbers counts={data.counts} />
          {data.oldest ? (
            <span>
              The oldest came <TextLink to={`/mail/${data.oldest.message}?state=${WAITING}`}><When at={data.oldest.received} /></TextLink>.
            </span>
          ) : (
            <Caption1>Nothing waits.</Caption1>
          )}
          <Paused accounts={data.accounts} />
        </>
      )}
    </Section>
  );
}

function Numbers({ counts }: { counts: Counts }) {
  const styles = useStyles();
  return (
    <div className={styles.counts}>
      {COUNTS.map(({ word, states, of }) => (
        <div key={word}>
          <div className={styles.count}>{of(counts).toLocaleString("en")}</div>
          <Caption1>
            <TextLink to={`/mail?state=${states}`}>{word}</TextLink>
          </Caption1>
        </div>
      ))}
    </div>
  );
}

function Paused({ accounts }: { accounts: AccountQueue[] }) {
  const styles = useStyles();
  const frame = useFrame();
  const paused = accounts.filter(({ paused: pause }) => pause);
  if (paused.length === 0) return null;
  return (
    <ul className={frame.list} aria-label="Paused accounts">
      {paused.map(({ account, counts, paused: pause }) => (
        <li key={account.id} className={styles.item}>
          <span className={frame.wrap}>
            <strong>{account.name || "An account that was removed"}</strong> is paused since {pause && <When at={pause.since} />}: {pause?.reason}
          </span>
          <Caption1 className={frame.quiet}>
            {waitingOf(counts).toLocaleString("en")} waiting for it; the next probe is due {pause && nextTry(pause.next_probe)}.{" "}
            <TextLink to={`/settings/email?account=${account.id}`}>See what to do</TextLink>
          </Caption1>
        </li>
      ))}
    </ul>
  );
}
