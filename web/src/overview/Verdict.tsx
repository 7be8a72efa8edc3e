import { MessageBarActions, MessageBarBody, MessageBarTitle } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { type Queue, queueNow } from "../api/mail";
import type { Account } from "../api/queries";
import { WAITING } from "../mail/words";
import { Notice } from "../parts/Notice";
import { ago } from "../parts/time";
import { TextLink } from "../parts/TextLink";
import { waitingOf } from "./QueueSection";

/** What waits longer than this is worth a word; the first retries come sooner. */
const LATE_MS = 15 * 60_000;

interface Sentence {
  intent: "success" | "warning" | "error";
  title: string;
  text: string;
  /** Where what to do is said. */
  to?: string;
}

/** Can my mail flow? In one sentence. */
export function Verdict({ accounts }: { accounts: Account[] }) {
  const { data: queue } = useQuery(queueNow);
  if (accounts.length === 0) return null;
  const { intent, title, text, to } = judge(accounts, queue);
  return (
    <Notice intent={intent}>
      <MessageBarBody>
        <MessageBarTitle>{title}</MessageBarTitle> {text}
      </MessageBarBody>
      {to && (
        <MessageBarActions>
          <TextLink to={to}>See what to do</TextLink>
        </MessageBarActions>
      )}
    </Notice>
  );
}

/** The first thing that stands in the way: an account, a pause, a message that waits too long. */
function judge(accounts: Account[], queue: Queue | undefined): Sentence {
  return ofAccounts(accounts) ?? ofPauses(accounts, queue) ?? ofWaiting(queue) ?? allIsWell(accounts, queue);
}

function ofAccounts(accounts: Account[]): Sentence | undefined {
  const troubled = accounts.filter(({ state }) => state.name !== "ready");
  const first = troubled.find((account) => account.default) ?? troubled[0];
  if (!first) return undefined;
  const text = troubled.length === 1 ? `${first.name}: ${first.state.cause ?? first.state.name}` : `${troubled.length} accounts need attention.`;
  return { ...somethingStops(isStandard(accounts, first.id) || !standardOf(accounts)), text, to: `/settings/email?account=${first.id}` };
}

function ofPauses(accounts: Account[], queue: Queue | undefined): Sentence | undefined {
  const paused = queue?.accounts.filter((one) => one.paused) ?? [];
  const first = paused.find(({ account }) => isStandard(accounts, account.id)) ?? paused[0];
  if (!first) return undefined;
  const text = paused.length === 1 ? `${first.account.name} is paused: ${first.paused?.reason ?? ""}` : `${paused.length} accounts are paused.`;
  return { ...somethingStops(isStandard(accounts, first.account.id)), text, to: `/settings/email?account=${first.account.id}` };
}

function ofWaiting(queue: Queue | undefined): Sentence | undefined {
  if (!queue?.oldest || Date.now() - Date.parse(queue.oldest.received) < LATE_MS) return undefined;
  const waiting = waitingOf(queue.counts);
  const count = waiting === 1 ? "One message waits" : `${waiting.toLocaleString("en")} messages wait`;
  return { intent: "warning", title: "Some mail is late.", text: `${count}, the oldest since ${ago(queue.oldest.received)}.`, to: `/mail?state=${WAITING}` };
}

function allIsWell(accounts: Account[], queue: Queue | undefined): Sentence {
  const ready = accounts.length === 1 ? "The account is ready" : `All ${accounts.length} accounts are ready`;
  const waiting = queue ? waitingOf(queue.counts) : 0;
  const onTheWay = waiting === 0 ? "" : waiting === 1 ? ", and one message is on its way" : `, and ${waiting.toLocaleString("en")} messages are on their way`;
  return { intent: "success", title: "Mail can flow.", text: `${ready}${onTheWay}.` };
}

/** Where the default account stands still, so does what nobody says otherwise of. */
function somethingStops(standard: boolean): Pick<Sentence, "intent" | "title"> {
  return standard ? { intent: "error", title: "Mail can't flow." } : { intent: "warning", title: "Some mail can't flow." };
}

function standardOf(accounts: Account[]): Account | undefined {
  return accounts.find((account) => account.default);
}

function isStandard(accounts: Account[], id: string): boolean {
  return standardOf(accounts)?.id === id;
}
