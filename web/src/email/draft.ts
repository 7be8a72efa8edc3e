/** What stands in the form: the stored account, overlaid with what was changed and not yet saved. */
import type { Account, Certificate, Cloud } from "../api/queries";
import type { Schemas } from "../api/client";

export interface Draft {
  name: string;
  cloud: string;
  tenantId: string;
  clientId: string;
  credential: "certificate" | "secret";
  certificateId: string;
  secret: string;
  /** A date, as `YYYY-MM-DD`. */
  secretExpires: string;
  signIn: "delegated" | "application";
  transport: "graph" | "smtp";
  from: string;
  isDefault: boolean;
}

/** A new account starts in the configured cloud, where there is one: whoever configured it has a reason. */
export function emptyDraft(clouds: Cloud[]): Draft {
  return {
    name: "",
    cloud: clouds.find((cloud) => !cloud.built_in)?.name ?? "global",
    tenantId: "",
    clientId: "",
    credential: "certificate",
    certificateId: "",
    secret: "",
    secretExpires: "",
    signIn: "delegated",
    transport: "graph",
    from: "",
    isDefault: false,
  };
}

export function draftOf(account: Account): Draft {
  return {
    name: account.name,
    cloud: account.cloud,
    tenantId: account.tenant_id,
    clientId: account.client_id,
    credential: account.credential.kind === "secret" ? "secret" : "certificate",
    certificateId: account.credential.certificate_id ?? "",
    secret: "",
    secretExpires: account.credential.kind === "secret" ? (account.credential.expires?.slice(0, 10) ?? "") : "",
    signIn: account.sign_in === "application" ? "application" : "delegated",
    transport: account.transport === "smtp" ? "smtp" : "graph",
    from: account.from ?? "",
    isDefault: account.default,
  };
}

/** What must be there before anything can be tried, by the names of the fields. */
export function missing(draft: Draft, account: Account | undefined): string[] {
  const names: string[] = [];
  if (!draft.clientId.trim()) names.push("Client ID");
  if (!draft.tenantId.trim()) names.push("Tenant ID");
  if (draft.credential === "certificate" && !draft.certificateId) names.push("Client Certificate");
  if (draft.credential === "secret" && !draft.secret && account?.credential.kind !== "secret") names.push("Client Secret");
  if (draft.signIn === "application" && !draft.from.trim()) names.push("From");
  return names;
}

const GUID = /^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i;
const DOMAIN = /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]$/i;

/** What can't be right, said as one types; the server has the last word. */
export function clientIdMistake(text: string, cloud: Cloud | undefined): string | undefined {
  // A plain OpenID provider gives client IDs of its own kind; only Microsoft's clouds are sure to give GUIDs.
  if (!text.trim() || !cloud?.built_in || GUID.test(text.trim())) return undefined;
  return "This is not an application (client) ID: it looks like 00000000-0000-0000-0000-000000000000.";
}

export function tenantMistake(text: string): string | undefined {
  const tenant = text.trim().toLowerCase();
  if (!tenant || GUID.test(tenant)) return undefined;
  if (["common", "organizations", "consumers"].includes(tenant)) return `${tenant} stands for no tenant in particular. Copy the directory (tenant) ID.`;
  return DOMAIN.test(tenant) ? undefined : "This is neither a directory (tenant) ID nor a domain of the tenant.";
}

export function addressMistake(text: string): string | undefined {
  return !text.trim() || /^[^\s@<>]+@[^\s@<>]+$/.test(text.trim()) ? undefined : "This is not an e-mail address.";
}

/** The request for a new account. */
export function newAccount(draft: Draft): Schemas["AccountRequest"] {
  return {
    name: draft.name.trim() || null,
    cloud: draft.cloud,
    tenant_id: draft.tenantId.trim(),
    client_id: draft.clientId.trim(),
    credential: credential(draft),
    sign_in: draft.signIn,
    transport: draft.transport,
    from: draft.from.trim() || null,
    default: draft.isDefault,
  };
}

/** The request that saves what was changed. */
export function change(draft: Draft, changed: Partial<Draft>): Schemas["AccountChange"] {
  const touched = (...keys: (keyof Draft)[]) => keys.some((key) => key in changed);
  return {
    ...(touched("name") ? { name: draft.name.trim() } : {}),
    ...(touched("cloud") ? { cloud: draft.cloud } : {}),
    ...(touched("tenantId") ? { tenant_id: draft.tenantId.trim() } : {}),
    ...(touched("clientId") ? { client_id: draft.clientId.trim() } : {}),
    ...(touched("credential", "certificateId", "secret") ? { credential: credential(draft) } : {}),
    ...(touched("signIn") ? { sign_in: draft.signIn } : {}),
    ...(touched("transport") ? { transport: draft.transport } : {}),
    ...(touched("from") ? { from: draft.from.trim() || null } : {}),
    ...(touched("isDefault") && draft.isDefault ? { default: true } : {}),
  };
}

function credential(draft: Draft): Schemas["CredentialRequest"] {
  return draft.credential === "certificate"
    ? { kind: "certificate", certificate: draft.certificateId }
    : { kind: "secret", secret: draft.secret, expires: draft.secretExpires || null };
}

/** The chosen certificate, if it is known. */
export function chosen(draft: Draft, certificates: Certificate[]): Certificate | undefined {
  return draft.credential === "certificate" ? certificates.find(({ id }) => id === draft.certificateId) : undefined;
}
