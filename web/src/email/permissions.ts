/** The permissions that an app registration may need, and which of them the chosen settings do. */
import type { Draft } from "./draft";

export interface Permission {
  name: string;
  type: "Delegated" | "Application";
  purpose: string;
  needed: (settings: Pick<Draft, "signIn" | "transport">) => boolean;
}

const delegated = ({ signIn }: Pick<Draft, "signIn">) => signIn === "delegated";

export const PERMISSIONS: Permission[] = [
  { name: "Mail.Send", type: "Delegated", purpose: "Send mail as the signed-in user", needed: ({ signIn, transport }) => signIn === "delegated" && transport === "graph" },
  {
    name: "Mail.Send",
    type: "Application",
    purpose: "Send mail as any user; limit it to mailboxes by RBAC for Applications",
    needed: ({ signIn, transport }) => signIn === "application" && transport === "graph",
  },
  { name: "SMTP.Send", type: "Delegated", purpose: "Send through SMTP AUTH", needed: ({ signIn, transport }) => signIn === "delegated" && transport === "smtp" },
  {
    name: "SMTP.SendAsApp",
    type: "Application",
    purpose: "Send through SMTP AUTH without a person (Office 365 Exchange Online), or the RBAC role instead of it",
    needed: ({ signIn, transport }) => signIn === "application" && transport === "smtp",
  },
  { name: "offline_access", type: "Delegated", purpose: "Keep access", needed: delegated },
  { name: "openid, profile, User.Read", type: "Delegated", purpose: "Know who signed in", needed: delegated },
];
