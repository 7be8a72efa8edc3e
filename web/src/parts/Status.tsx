import { Badge } from "@fluentui/react-components";
import type { Account, Certificate } from "../api/queries";

type Colour = "success" | "warning" | "danger" | "informative";

const CERTIFICATE: Record<string, [string, Colour]> = {
  valid: ["Valid", "success"],
  expiring: ["Expiring", "warning"],
  expired: ["Expired", "danger"],
  not_yet_valid: ["Not yet valid", "warning"],
};

const ACCOUNT: Record<string, [string, Colour]> = {
  incomplete: ["Incomplete", "warning"],
  needs_sign_in: ["Needs sign-in", "warning"],
  pending: ["To be confirmed", "warning"],
  ready: ["Ready", "success"],
  broken: ["Broken", "danger"],
};

export function CertificateStatus({ certificate }: { certificate: Certificate }) {
  return <Mark known={CERTIFICATE[certificate.status]} word={certificate.status} />;
}

export function AccountStatus({ account }: { account: Account }) {
  return <Mark known={ACCOUNT[account.state.name]} word={account.state.name} />;
}

function Mark({ known, word }: { known: [string, Colour] | undefined; word: string }) {
  const [text, colour] = known ?? [word, "informative"];
  return (
    <Badge appearance="tint" color={colour} style={{ whiteSpace: "nowrap" }}>
      {text}
    </Badge>
  );
}
