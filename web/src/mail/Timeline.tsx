import { Button, Caption1, makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { ArrowDownloadRegular, CheckmarkCircleFilled, ClockRegular, DismissCircleFilled, MoreVerticalRegular, PersonRegular, QuestionCircleRegular, WarningFilled } from "@fluentui/react-icons";
import { type ReactNode, useState } from "react";
import type { Attempt, Story } from "../api/mail";
import { Copyable } from "../parts/Copy";
import { useFrame } from "../parts/styles";
import { exactly, local } from "../parts/time";
import { HAPPENINGS, nameThere, outcomeOf, waits, WAYS } from "./words";

const useStyles = makeStyles({
  list: { margin: 0, padding: 0, listStyleType: "none" },
  entry: {
    display: "grid",
    gridTemplateColumns: "24px minmax(0, 1fr)",
    columnGap: "8px",
    position: "relative",
    paddingBottom: "16px",
    // The line that leads to the next one.
    ":not(:last-child)::before": { content: '""', position: "absolute", left: "9px", top: "22px", bottom: "2px", width: "2px", backgroundColor: tokens.colorNeutralStroke2 },
    ":last-child": { paddingBottom: 0 },
  },
  icon: { fontSize: "20px", lineHeight: 1, color: tokens.colorNeutralForeground3 },
  good: { color: tokens.colorPaletteGreenForeground1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  warn: { color: tokens.colorPaletteDarkOrangeForeground1 },
  head: { display: "flex", flexWrap: "wrap", justifyContent: "space-between", gap: "2px 12px" },
  more: { display: "grid", gridTemplateColumns: "max-content minmax(0, 1fr)", gap: "2px 12px", margin: "4px 0 0", fontSize: tokens.fontSizeBase200, alignItems: "center", "& dt": { color: tokens.colorNeutralForeground3 }, "& dd": { margin: 0, overflowWrap: "anywhere" } },
});

interface Entry {
  key: string;
  at: string;
  icon: ReactNode;
  title: ReactNode;
  body?: ReactNode;
}

/** A message that waits for days is tried hundreds of times: its beginning and its end tell most. */
const [FIRST_SHOWN, MOST_SHOWN] = [3, 12];

function gap(count: number, onShow: () => void): Entry {
  return { key: "gap", at: "", icon: <MoreVerticalRegular />, title: <Button onClick={onShow}>Show {count} more</Button> };
}

/** From the door to Microsoft 365, one thing after the other. */
export function Timeline({ story }: { story: Story }) {
  const styles = useStyles();
  const frame = useFrame();
  const [whole, setWhole] = useState(false);
  const all = useEntries(story);
  const hidden = whole || all.length <= MOST_SHOWN ? 0 : all.length - MOST_SHOWN;
  const entries = hidden > 0 ? [...all.slice(0, FIRST_SHOWN), gap(hidden, () => setWhole(true)), ...all.slice(FIRST_SHOWN + hidden)] : all;
  return (
    <ol className={styles.list} aria-label="History">
      {entries.map(({ key, at, icon, title, body }) => (
        <li key={key} className={styles.entry}>
          <span className={styles.icon} aria-hidden="true">
            {icon}
          </span>
          <div>
            <div className={styles.head}>
              <strong className={frame.wrap}>{title}</strong>
              {at && (
                <Caption1 className={mergeClasses(frame.quiet, frame.number)}>
                  <time dateTime={at} title={exactly(at)}>
                    {local(at)}
                  </time>
                </Caption1>
              )}
            </div>
            {body}
          </div>
        </li>
      ))}
    </ol>
  );
}

function useEntries(story: Story): Entry[] {
  const frame = useFrame();
  const accepted: Entry = {
    key: "accepted",
    at: story.received,
    icon: <ArrowDownloadRegular />,
    title: `Accepted from ${story.submitter.name}`,
    body: <Caption1 className={frame.quiet}>{story.source ? `It came from ${story.source}. ` : ""}From here on it is on disk.</Caption1>,
  };
  const attempts = story.attempts.map((attempt): Entry => ({
    key: `attempt ${attempt.number}`,
    at: attempt.started,
    icon: <AttemptIcon attempt={attempt} />,
    title: (
      <>
        Attempt {attempt.number}: {outcomeOf(attempt)[0]}
      </>
    ),
    body: <AttemptDetails attempt={attempt} />,
  }));
  const happenings = story.happenings.map(({ at, what, actor, detail }, index): Entry => ({
    key: `happening ${index}`,
    at,
    icon: <PersonRegular />,
    title: `${HAPPENINGS[what] ?? what.replaceAll("_", " ")} by ${actor}`,
    body: <Caption1 className={frame.quiet}>{detailText(detail)}</Caption1>,
  }));
  // Times are whole seconds: what came first stays first.
  const past = [accepted, ...attempts, ...happenings].map((entry, index) => ({ entry, index })).sort((a, b) => a.entry.at.localeCompare(b.entry.at) || a.index - b.index);
  const entries = past.map(({ entry }) => entry);
  if (waits(story) && story.next_attempt) entries.push({ key: "next", at: story.next_attempt, icon: <ClockRegular />, title: "Next try" });
  return entries;
}

function AttemptIcon({ attempt }: { attempt: Attempt }) {
  const styles = useStyles();
  switch (attempt.outcome) {
    case "delivered":
      return <CheckmarkCircleFilled className={styles.good} />;
    case "rejected":
    case "account_broken":
      return <DismissCircleFilled className={styles.bad} />;
    case "retry":
      return <WarningFilled className={styles.warn} />;
    case "unknown":
      return <QuestionCircleRegular className={styles.warn} />;
    default:
      return <Spinner size="extra-tiny" />;
  }
}

function AttemptDetails({ attempt }: { attempt: Attempt }) {
  const styles = useStyles();
  const frame = useFrame();
  const { text, code, via, took_ms: took, request_id: request, remote_id: remote, node } = attempt;
  const facts: [string, ReactNode][] = [
    ...(code ? [["Code", <code key="v" className={frame.mono}>{code}</code>] satisfies [string, ReactNode]] : []),
    ...(via ? [["Way", WAYS[via] ?? via] satisfies [string, ReactNode]] : []),
    ...(took !== null && took !== undefined ? [["Took", `${took} ms, made by ${node}`] satisfies [string, ReactNode]] : []),
    ...(request ? [["Request ID", <Copyable key="v" value={request} what="request ID" />] satisfies [string, ReactNode]] : []),
    ...(remote ? [[nameThere(attempt), <Copyable key="v" value={remote} what={nameThere(attempt)} />] satisfies [string, ReactNode]] : []),
  ];
  return (
    <>
      {text && <div className={frame.wrap}>{text}</div>}
      <dl className={styles.more}>
        {facts.map(([name, value]) => (
          <Fact key={name} name={name} value={value} />
        ))}
      </dl>
    </>
  );
}

function Fact({ name, value }: { name: string; value: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}

function detailText(detail: unknown): string {
  if (typeof detail !== "object" || detail === null) return "";
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
}
