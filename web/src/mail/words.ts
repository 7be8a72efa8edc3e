/** Mail as a person speaks of it: states, outcomes, ways, and what happens to a message next. */
import type { Attempt, Message, Story } from "../api/mail";
import { ago } from "../parts/time";

export type Colour = "success" | "warning" | "danger" | "informative" | "brand";

export const STATES: Record<string, [string, Colour]> = {
  queued: ["Queued", "informative"],
  sending: ["Sending", "brand"],
  deferred: ["Deferred", "warning"],
  sent: ["Sent", "success"],
  failed: ["Failed", "danger"],
  expired: ["Expired", "danger"],
  held: ["Held", "warning"],
  cancelled: ["Cancelled", "informative"],
};

/** What the filter offers beyond single states. */
export const WAITING = "queued,sending,deferred";
export const NOT_SENT = "failed,expired";

export const WAYS: Record<string, string> = {
  graph: "Microsoft Graph",
  draft: "Microsoft Graph, as a draft",
  smtp: "SMTP",
  look: "Microsoft Graph, looking whether it was sent",
};

const OUTCOMES: Record<string, [string, Colour]> = {
  delivered: ["Accepted by Microsoft 365", "success"],
  retry: ["Put off", "warning"],
  rejected: ["Refused for good", "danger"],
  account_broken: ["Stopped at the account", "danger"],
  unknown: ["No answer: it may have been accepted or not", "warning"],
};

export function outcomeOf({ outcome }: Attempt): [string, Colour] {
  if (!outcome) return ["Under way", "brand"];
  return OUTCOMES[outcome] ?? [outcome, "informative"];
}

export const RECIPIENT_STATES: Record<string, [string, Colour]> = {
  pending: ["Waiting", "informative"],
  sent: ["Sent", "success"],
  failed: ["Failed", "danger"],
};

export const HAPPENINGS: Record<string, string> = {
  retried: "Tried again",
  cancelled: "Cancelled",
  held: "Held",
  released: "Released",
};

/** What Microsoft calls an exchange that went well: Graph has its request ID, Exchange a name for the message. */
export function nameThere({ via }: Attempt): string {
  return via === "smtp" ? "Name there" : "Request ID";
}

/** Who it is from as people see it; else the envelope's sender. */
export function senderOf({ header_from, from }: Message): string {
  return header_from || from || "<>";
}

export function recipientsOf({ first_recipient, recipient_count }: Message): string {
  return recipient_count > 1 ? `${first_recipient} and ${recipient_count - 1} more` : first_recipient;
}

export function subjectOf({ subject }: Message): string {
  return subject.trim() || "(no subject)";
}

export function sizeOf(octets: number): string {
  if (octets < 1000) return `${octets} bytes`;
  return octets < 1_000_000 ? `${(octets / 1000).toFixed(1)} kB` : `${(octets / 1_000_000).toFixed(1)} MB`;
}

/** When it is tried next, as one says it: what is due within a minute is as good as due. */
export function nextTry(at: string, now = Date.now()): string {
  return Date.parse(at) - now < 60_000 ? "in a moment" : ago(at, now);
}

export function waits({ state }: Message): boolean {
  return state === "queued" || state === "deferred";
}

/** The sentence that says where a message stands and what comes next. */
export function whatIsNext(story: Story, pausedBecause: string | undefined): string {
  const recipients = story.recipient_count === 1 ? "its recipient" : `its ${story.recipient_count} recipients`;
  switch (story.state) {
    case "queued":
    case "deferred":
      if (pausedBecause !== undefined) return "It waits because its account is paused, and goes by itself once the account is mended.";
      return story.next_attempt && story.attempt_count > 0 ? `It is tried again ${nextTry(story.next_attempt)}, as its mailbox's limits let it.` : "It waits for its turn.";
    case "sending":
      return "It is on its way to Microsoft 365 at this moment.";
    case "sent":
      return `Microsoft 365 has accepted it for ${story.recipients.every(({ state }) => state === "sent") ? recipients : "some of its recipients"}. What it did with it later is in its own message trace.`;
    case "failed":
      return story.has_content ? "It won't be accepted as it is. Retry tries it once more, when what stopped it has been mended." : "It won't be accepted, and its content is no longer kept.";
    case "expired":
      return "It was tried for as long as it may be, and given up.";
    case "held":
      return "It is held back until somebody releases or cancels it.";
    case "cancelled":
      return "It was called off and is not sent.";
    default:
      return "";
  }
}
