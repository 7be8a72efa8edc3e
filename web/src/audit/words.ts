/** The log's actions as a person says them; what often comes to nothing is not called done. An action that is not listed here is shown as it is called. */
import type { AuditItem } from "../api/queries";

export const ACTIONS: Record<string, string> = {
  "account.add": "Account added",
  "account.authorize": "Authorization",
  "account.authorize_cancelled": "Sign-in called off",
  "account.authorize_expired": "Sign-in expired",
  "account.authorize_started": "Sign-in started",
  "account.check": "Check of an account",
  "account.confirm": "Sign-in confirmed",
  "account.edit": "Account changed",
  "account.remove": "Account removed",
  "account.verify": "Application verified",
  "certificate.delete": "Certificate deleted",
  "certificate.edit": "Certificate changed",
  "certificate.export": "Private key exported",
  "certificate.generate": "Certificate generated",
  "certificate.import": "Certificate imported",
  "certificate.replace": "Certificate replaced",
  "database.migrate": "Database prepared",
  "message.cancel": "Message cancelled",
  "message.hold": "Message held",
  "message.release": "Message released",
  "message.retry": "Message tried again",
  "session.end": "Session ended",
  "session.start": "Sign-in",
  "setup.link": "Set-up link made",
  "setup.use": "Set-up link used",
  "submitter.add": "Submitter added",
  "submitter.edit": "Submitter changed",
  "submitter.remove": "Submitter removed",
  "submitter.reset_password": "Submitter's password reset",
  "submitter.reset_token": "Submitter's token reset",
  "test_email.send": "Test mail",
  "token.create": "API token created",
  "token.delete": "API token deleted",
  "user.add": "User added",
  "user.confirm_password": "Password confirmed",
  "user.edit": "User changed",
  "user.password": "Own password changed",
  "user.remove": "User removed",
  "user.totp_off": "Second factor removed",
  "user.totp_offer": "Second factor offered",
  "user.totp_on": "Second factor added",
};

export function sentenceOf({ action, target }: AuditItem): string {
  const words = ACTIONS[action] ?? action;
  return target ? `${words}: ${target}` : words;
}

export function outcomeOf({ outcome, code }: AuditItem): string {
  return outcome === "refused" ? `(refused${code ? `: ${code}` : ""})` : "";
}
