/** Listeners and submitters as a person speaks of them. */
import type { Listener, Submitter } from "../api/mail";

export const ENCRYPTION: Record<string, string> = {
  starttls: "STARTTLS",
  implicit: "TLS from the start (SMTPS)",
  none: "None",
};

/** Postern knows no better name of itself when nobody has configured one; the name in the browser's address leads here, too. */
export function hostOf({ host, loopback }: Pick<Listener, "host" | "loopback">): string {
  return host === "localhost" && !loopback ? window.location.hostname : host;
}

/** How it proves who it is. */
export function knownBy({ user_name: user, has_password: password, has_token: token, networks, uids }: Submitter): string[] {
  return [
    ...(user && password ? [`user ${user}`] : []),
    ...(token ? ["API token"] : []),
    ...networks,
    ...uids.map((uid) => `local user ${uid}`),
  ];
}

export function sendersOf({ senders }: Submitter): string {
  return senders.length > 0 ? senders.join(", ") : "whoever its account may";
}
