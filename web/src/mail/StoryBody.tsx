import { Caption1, makeStyles, MessageBarBody, MessageBarTitle, tokens } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { advice, type Attempt, queueNow, type Story } from "../api/mail";
import { Copyable } from "../parts/Copy";
import { Notice } from "../parts/Notice";
import { Section } from "../parts/Page";
import { SimpleTable } from "../parts/SimpleTable";
import { useFrame } from "../parts/styles";
import { exactly } from "../parts/time";
import { TextLink } from "../parts/TextLink";
import { TURNS } from "../parts/turns";
import { When } from "../parts/When";
import { StateMark, WordMark } from "./Marks";
import { Timeline } from "./Timeline";
import { nextTry, RECIPIENT_STATES, senderOf, sizeOf, waits, whatIsNext } from "./words";

const useStyles = makeStyles({
  facts: { display: "grid", gridTemplateColumns: "max-content minmax(0, 1fr)", gap: "6px 16px", margin: 0, "& dt": { color: tokens.colorNeutralForeground3 }, "& dd": { margin: 0, overflowWrap: "anywhere" } },
  now: { display: "flex", flexWrap: "wrap", alignItems: "baseline", gap: "4px 8px" },
});

export function StoryBody({ story }: { story: Story }) {
  const styles = useStyles();
  const frame = useFrame();
  const { data: queue } = useQuery({ ...queueNow, enabled: waits(story) });
  const paused = waits(story) ? queue?.accounts.find(({ account }) => account.id === story.account.id)?.paused : undefined;
  const many = story.recipients.length > 1;
  return (
    <>
      <div className={frame.form}>
        <div className={styles.now}>
          <StateMark state={story.state} />
          <Caption1 className={frame.quiet}>
            since <When at={story.state_since} />
          </Caption1>
        </div>
        <span>{whatIsNext(story, paused?.reason)}</span>
        {paused && (
          <Notice intent="warning">
            <MessageBarBody>
              <MessageBarTitle>{story.account.name} is paused.</MessageBarTitle> {/* Where it was tried itself, that says why. */}
              {story.attempt_count === 0 && paused.reason} One message probes from time to time, next {nextTry(paused.next_probe)}.{" "}
              <TextLink to={`/settings/email?account=${story.account.id}`}>See what to do</TextLink>
            </MessageBarBody>
          </Notice>
        )}
        <Trouble story={story} />
      </div>
      <Section title="What happened">
        <Timeline story={story} />
      </Section>
      <Section title={many ? `${story.recipients.length} recipients` : "Recipient"}>
        <Recipients story={story} />
      </Section>
      <Section title="The message">
        <Facts story={story} />
      </Section>
    </>
  );
}

/** What stopped it last, what that means and what to do. */
function Trouble({ story }: { story: Story }) {
  const last = story.attempts.filter(({ ended }) => ended).at(-1);
  const troubled = story.state !== "sent" && story.state !== "cancelled" && last && last.outcome !== "delivered";
  const said = troubled ? saidBy(last) : "";
  const { data } = useQuery({ ...advice(said, story.account.name ? story.account.id : undefined), enabled: said !== "" });
  if (!said || !data) return null;
  return (
    <Notice intent={data.temporary ? "warning" : "error"}>
      <MessageBarBody>
        <MessageBarTitle>{data.cause}</MessageBarTitle> {data.fix} {TURNS[data.turn] ?? ""}
      </MessageBarBody>
    </Notice>
  );
}

function saidBy({ code, text }: Attempt): string {
  return [code, text].filter(Boolean).join(" ");
}

function Recipients({ story }: { story: Story }) {
  const frame = useFrame();
  return (
    <SimpleTable
      label="Recipients"
      rows={story.recipients}
      rowKey={({ address }) => address}
      columns={[
        ["Address", ({ address }) => address],
        ["State", ({ state }) => <WordMark known={RECIPIENT_STATES[state]} word={state} />],
        [
          "What was said",
          ({ code, text }) => (
            <span className={frame.wrap}>
              {code && <code className={frame.mono}>{code}</code>} {text}
              {!code && !text && <span className={frame.quiet}>nothing</span>}
            </span>
          ),
        ],
      ]}
    />
  );
}

function Facts({ story }: { story: Story }) {
  const styles = useStyles();
  const facts: [string, ReactNode][] = [
    ["From", senderOf(story)],
    ["Envelope sender", story.from ?? "<> (nobody gets reports about it)"],
    ["Message-ID", <Copyable key="v" value={`<${story.message_id}>`} what="Message-ID" />],
    ["Size", sizeOf(story.size_octets)],
    ["Received", exactly(story.received)],
    ["Submitter", `${story.submitter.name}, from ${story.source || "an unknown place"}`],
    ["Account", story.account.name || "an account that was removed"],
    ["Mailbox", story.mailbox],
    ...(waits(story) || story.state === "held" ? ([["Given up", exactly(story.expires)]] satisfies [string, ReactNode][]) : []),
    ["Content", story.has_content ? "still here" : story.state === "sent" ? "deleted: it was handed over" : "deleted"],
    ["ID in Postern", <Copyable key="v" value={story.id} what="ID" />],
  ];
  return (
    <dl className={styles.facts}>
      {facts.map(([name, value]) => (
        <FactRow key={name} name={name} value={value} />
      ))}
    </dl>
  );
}

function FactRow({ name, value }: { name: string; value: ReactNode }) {
  return (
    <>
      <dt>{name}</dt>
      <dd>{value}</dd>
    </>
  );
}
