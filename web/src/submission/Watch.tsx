import { Caption1, makeStyles, mergeClasses, MessageBarBody, MessageBarTitle, Spinner, tokens } from "@fluentui/react-components";
import { CheckmarkCircleFilled, CircleRegular, ClockRegular, DismissCircleFilled, WarningFilled } from "@fluentui/react-icons";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useEffect, useState } from "react";
import { messageStory, newestMessage, type Refused, refusals, type Story } from "../api/mail";
import { nameThere, recipientsOf, senderOf, sizeOf, WAYS, whatIsNext } from "../mail/words";
import { Copyable } from "../parts/Copy";
import { Failed } from "../parts/Failed";
import { Notice } from "../parts/Notice";
import { useFrame } from "../parts/styles";
import { TextLink } from "../parts/TextLink";

const useStyles = makeStyles({
  list: { margin: 0, padding: 0, listStyleType: "none", borderTop: `1px solid ${tokens.colorNeutralStroke2}` },
  step: { display: "grid", gridTemplateColumns: "24px minmax(0, 1fr)", gap: "0 8px", padding: "8px 0", borderBottom: `1px solid ${tokens.colorNeutralStroke2}` },
  icon: { fontSize: "20px", lineHeight: 1, color: tokens.colorNeutralForeground3 },
  good: { color: tokens.colorPaletteGreenForeground1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  warn: { color: tokens.colorPaletteDarkOrangeForeground1 },
});

type Mark = "waits" | "due" | "busy" | "good" | "bad" | "warn";

interface Step {
  name: string;
  mark: Mark;
  detail?: ReactNode;
}

/** Waits for the next message of a device, and goes on with that one. */
export function DeviceWatch({ submitter, after, refused }: { submitter: string; after: string; refused: Refused | undefined }) {
  const { data: newest, error, refetch } = useQuery(newestMessage(submitter || undefined));
  const turnedAway = newerThan(refused, useQuery(refusals).data ?? []);
  const [found, setFound] = useState("");
  const queries = useQueryClient();
  useEffect(() => {
    // It has been used just now.
    if (found) void queries.invalidateQueries({ queryKey: ["submitters"] });
  }, [found, queries]);
  // From then on it is this one, whatever else comes.
  if (!found && newest && newest.id > after) setFound(newest.id);
  if (found) return <MessageWatch id={found} />;
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  return (
    <>
      <Steps steps={[{ name: "Waiting for the device to hand a message over", mark: "due", detail: "Send one from the device now, for example its test mail." }, { name: "Accepted", mark: "waits" }, { name: "Delivered", mark: "waits" }]} />
      <TurnedAway refused={turnedAway[0]} />
    </>
  );
}

/** The list has the newest first. */
function newerThan(known: Refused | undefined, all: Refused[]): Refused[] {
  const end = all.findIndex(({ at, source, submitter, text }) => at === known?.at && source === known.source && submitter === known.submitter && text === known.text);
  return end < 0 ? all : all.slice(0, end);
}

function TurnedAway({ refused }: { refused: Refused | undefined }) {
  if (!refused) return null;
  const { code, enhanced, text, source, submitter } = refused;
  return (
    <Notice intent="error">
      <MessageBarBody>
        <MessageBarTitle>{submitter || "A device"} was refused{source && ` at ${source}`}.</MessageBarTitle> {code} {enhanced}: {text}
      </MessageBarBody>
    </Notice>
  );
}

/** One message, from its acceptance to its delivery, live. */
export function MessageWatch({ id }: { id: string }) {
  const { data: story, error, refetch } = useQuery(messageStory(id));
  if (error && !story) return <Failed error={error} retry={() => void refetch()} />;
  if (!story) return <Spinner size="tiny" label="Looking for the message" />;
  return (
    <>
      <Steps steps={stepsOf(story)} />
      <div>
        <TextLink to={`/mail/${story.id}`}>The whole story of this message</TextLink>
      </div>
    </>
  );
}

function stepsOf(story: Story): Step[] {
  const accepted: Step = {
    name: "Accepted",
    mark: "good",
    detail: `From ${story.submitter.name}${story.source ? ` at ${story.source}` : ""}, for ${recipientsOf(story)}, as ${senderOf(story)}, ${sizeOf(story.size_octets)}: it is on disk.`,
  };
  return [accepted, delivery(story)];
}

function delivery(story: Story): Step {
  const last = story.attempts.at(-1);
  const said = last && [last.code, last.text].filter(Boolean).join(" ");
  switch (story.state) {
    case "sent":
      return {
        name: "Delivered to Microsoft 365",
        mark: "good",
        detail: (
          <>
            By {WAYS[last?.via ?? ""] ?? "an unknown way"} as {story.mailbox}, in {last?.took_ms ?? 0} ms
            {last?.remote_id && (
              <>
                , {nameThere(last)} <Copyable value={last.remote_id} what={nameThere(last)} />
              </>
            )}
          </>
        ),
      };
    case "failed":
    case "expired":
    case "cancelled":
      return { name: "Not delivered", mark: "bad", detail: said || whatIsNext(story, undefined) };
    case "sending":
      return { name: `Being delivered, attempt ${story.attempt_count}`, mark: "busy" };
    default:
      return { name: story.attempt_count > 0 ? "Not delivered yet" : "Waiting for its turn", mark: story.attempt_count > 0 ? "warn" : "due", detail: [said, whatIsNext(story, undefined)].filter(Boolean).join(" ") };
  }
}

function Steps({ steps }: { steps: Step[] }) {
  const styles = useStyles();
  const frame = useFrame();
  return (
    <ol className={styles.list} aria-label="Steps" aria-live="polite">
      {steps.map(({ name, mark, detail }) => (
        <li key={name} className={styles.step}>
          <StepIcon mark={mark} />
          <span className={frame.wrap}>
            <strong className={mark === "waits" ? frame.quiet : undefined}>{name}</strong>
            {detail && (
              <Caption1 block className={frame.quiet}>
                {detail}
              </Caption1>
            )}
          </span>
        </li>
      ))}
    </ol>
  );
}

function StepIcon({ mark }: { mark: Mark }) {
  const styles = useStyles();
  if (mark === "busy") return <Spinner size="extra-tiny" />;
  const [icon, look] = {
    waits: [<CircleRegular key="i" />, undefined],
    due: [<ClockRegular key="i" />, undefined],
    good: [<CheckmarkCircleFilled key="i" />, styles.good],
    bad: [<DismissCircleFilled key="i" />, styles.bad],
    warn: [<WarningFilled key="i" />, styles.warn],
  }[mark] as [ReactNode, string | undefined];
  return (
    <span className={mergeClasses(styles.icon, look)} aria-hidden="true">
      {icon}
    </span>
  );
}
