/** What stands in a submitter's form, and the requests that it becomes. */
import type { Submitter } from "../api/mail";
import type { Schemas } from "../api/client";
import { Problem } from "../api/problem";

export interface Form {
  name: string;
  description: string;
  logsIn: boolean;
  userName: string;
  choosesPassword: boolean;
  password: string;
  token: boolean;
  /** One a line. */
  networks: string;
  uids: string;
  senders: string;
  foreignFrom: "refuse" | "rewrite";
  /** Empty: the one that fits. */
  account: string;
  /** Empty: no limit. */
  rate: string;
  enabled: boolean;
}

export const EMPTY: Form = {
  name: "",
  description: "",
  logsIn: true,
  userName: "",
  choosesPassword: false,
  password: "",
  token: false,
  networks: "",
  uids: "",
  senders: "",
  foreignFrom: "refuse",
  account: "",
  rate: "",
  enabled: true,
};

export function formOf(submitter: Submitter): Form {
  return {
    name: submitter.name,
    description: submitter.description,
    logsIn: submitter.has_password,
    userName: submitter.user_name ?? "",
    choosesPassword: false,
    password: "",
    token: submitter.has_token,
    networks: submitter.networks.join("\n"),
    uids: submitter.uids.join("\n"),
    senders: submitter.senders.join("\n"),
    foreignFrom: submitter.foreign_from === "rewrite" ? "rewrite" : "refuse",
    account: submitter.account?.id ?? "",
    rate: submitter.rate_per_minute?.toString() ?? "",
    enabled: submitter.enabled,
  };
}

/** What can't be right, by the field's name. */
export function mistakes(form: Form, isNew: boolean): Partial<Record<keyof Form, string>> {
  const { uids, wrong } = uidsOf(form.uids);
  const found: Partial<Record<keyof Form, string>> = {};
  if (!form.name.trim()) found.name = "Give it a name.";
  if (isNew && form.logsIn && form.choosesPassword && !form.password) found.password = "Give a password.";
  if (wrong) found.uids = `“${wrong}” is not the number of a user: id -u USER tells it.`;
  if (form.rate.trim() && !/^[1-9]\d{0,8}$/.test(form.rate.trim())) found.rate = "Give a whole number of 1 or more, or leave it empty.";
  if (!form.logsIn && !form.token && linesOf(form.networks).length === 0 && uids.length === 0) found.logsIn = "It needs one of these: a password, a token, a network or a local user.";
  return found;
}

export function newSubmitter(form: Form): Schemas["NewSubmitter"] {
  return {
    name: form.name.trim(),
    description: form.description.trim(),
    user_name: form.logsIn ? form.userName.trim() || form.name.trim() : null,
    password: form.logsIn && form.choosesPassword ? form.password : null,
    token: form.token,
    networks: linesOf(form.networks),
    uids: uidsOf(form.uids).uids,
    senders: linesOf(form.senders),
    foreign_from: form.foreignFrom,
    account: form.account || null,
    rate_per_minute: form.rate.trim() ? Number(form.rate) : null,
    enabled: form.enabled,
  };
}

/** Only what was changed: what somebody else has changed meanwhile stays. */
export function changeOf(form: Form, submitter: Submitter): Schemas["SubmitterChange"] {
  const before = formOf(submitter);
  const touched = (...keys: (keyof Form)[]) => keys.some((key) => form[key] !== before[key]);
  return {
    ...(touched("name") ? { name: form.name.trim() } : {}),
    ...(touched("description") ? { description: form.description.trim() } : {}),
    ...(touched("logsIn", "userName") ? { user_name: form.logsIn ? form.userName.trim() || form.name.trim() : null } : {}),
    ...(touched("token") ? { token: form.token } : {}),
    ...(touched("networks") ? { networks: linesOf(form.networks) } : {}),
    ...(touched("uids") ? { uids: uidsOf(form.uids).uids } : {}),
    ...(touched("senders") ? { senders: linesOf(form.senders) } : {}),
    ...(touched("foreignFrom") ? { foreign_from: form.foreignFrom } : {}),
    ...(touched("account") ? { account: form.account || null } : {}),
    ...(touched("rate") ? { rate_per_minute: form.rate.trim() ? Number(form.rate) : null } : {}),
    ...(touched("enabled") ? { enabled: form.enabled } : {}),
  };
}

const FIELDS: Record<string, keyof Form> = {
  name: "name",
  description: "description",
  user_name: "userName",
  password: "password",
  networks: "networks",
  uids: "uids",
  senders: "senders",
  account: "account",
  rate_per_minute: "rate",
};

/** The field that a refusal blames, and what to say there. */
export function blamed(error: unknown): { field: keyof Form; text: string } | undefined {
  if (!(error instanceof Problem) || !error.field) return undefined;
  const field = FIELDS[error.field];
  return field && { field, text: error.atField };
}

/** Separated by line ends, blanks or commas. */
function linesOf(text: string): string[] {
  return text.split(/[\s,]+/).filter(Boolean);
}

function uidsOf(text: string): { uids: number[]; wrong: string | undefined } {
  const lines = linesOf(text);
  return { uids: lines.map(Number), wrong: lines.find((line) => !/^\d{1,10}$/.test(line)) };
}
