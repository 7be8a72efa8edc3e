/** The registration in Azure and Exchange as a checklist. What Postern can see done is ticked. */
import { Button, Link, makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { CheckmarkCircleFilled, CircleRegular } from "@fluentui/react-icons";
import { useQuery } from "@tanstack/react-query";
import type { ReactNode } from "react";
import { auditPage, type Certificate, type Cloud, type Report } from "../api/queries";
import { download } from "../certificates/requests";
import { Copyable } from "../parts/Copy";
import { Section } from "../parts/Page";
import { RedirectUris } from "../parts/RedirectUris";
import { useFrame } from "../parts/styles";
import { chosen } from "./draft";
import { PermissionTable } from "./PermissionTable";
import type { AccountForm } from "./useAccountForm";

const PORTALS: Record<string, string> = {
  global: "https://portal.azure.com",
  "us-gov": "https://portal.azure.us",
  "us-gov-dod": "https://portal.azure.us",
  china: "https://portal.azure.cn",
};

const useStyles = makeStyles({
  steps: { margin: 0, padding: 0, listStyleType: "none", display: "flex", flexDirection: "column", gap: "16px" },
  step: { display: "grid", gridTemplateColumns: "24px minmax(0, 1fr)", gap: "8px" },
  tick: { fontSize: "20px", lineHeight: 1, color: tokens.colorNeutralForeground3 },
  done: { color: tokens.colorPaletteGreenForeground1 },
  body: { display: "flex", flexDirection: "column", gap: "6px", overflowWrap: "anywhere", "& p": { margin: 0 }, "& h3": { margin: 0, fontSize: tokens.fontSizeBase300, lineHeight: tokens.lineHeightBase300, fontWeight: tokens.fontWeightSemibold } },
});

interface Props {
  form: AccountForm;
  cloud: Cloud | undefined;
  certificates: Certificate[];
  redirectUris: string[];
  report: Report | null;
}

export function Guide({ form, cloud, certificates, redirectUris, report }: Props) {
  const styles = useStyles();
  const { draft, account } = form;
  const certificate = chosen(draft, certificates);
  const ready = account?.state.name === "ready";
  const ended = (stage: string) => report?.stages.find(({ name, skipped }) => name === stage && !skipped);
  const passed = (stage: string) => ended(stage)?.ok === true;
  const sent = useTestMailSent(account?.name) || passed("message");
  const application = draft.signIn === "application";
  const smtp = draft.transport === "smtp";
  return (
    <Section title="Guide">
      <ol className={styles.steps}>
        <Step title="Register the application" done={ready || passed("token")}>
          <p>
            In <Portal cloud={cloud} page="#view/Microsoft_AAD_RegisteredApps/ApplicationsListBlade" /> open <em>App registrations</em>, <em>New registration</em>. Under supported account types
            choose <em>Accounts in this organizational directory only</em>. Any name will do, such as <Copyable value="Postern" what="name" />
          </p>
          <p>
            Redirect URI: platform <em>Web</em>, and
          </p>
          <RedirectUris uris={redirectUris} />
          <p>
            <em>Authentication</em>, <em>Advanced settings</em>: <em>Yes</em> for public client flows. Only a sign-in by device code needs it; with anything else it may stay <em>No</em>.
          </p>
        </Step>
        <Step title="Copy its two IDs" done={Boolean(account) || !form.missing.some((name) => name === "Client ID" || name === "Tenant ID")}>
          <p>
            From <em>Overview</em>, <em>Essentials</em>: the <em>Application (client) ID</em> goes into <em>Client ID</em>, the <em>Directory (tenant) ID</em> into <em>Tenant ID</em>. The Entra admin
            center shows the latter under its tenant information as well.
          </p>
        </Step>
        {draft.credential === "certificate" ? (
          <Step title="Upload the certificate" done={ready || passed("token")}>
            <p>
              Before authorizing: <em>Certificates &amp; secrets</em>, <em>Certificates</em>, <em>Upload certificate</em>, and choose the public part.
            </p>
            {certificate ? (
              <>
                <p>
                  <Button size="small" onClick={() => download(certificate, "cer")}>
                    Download {certificate.name}.cer
                  </Button>
                </p>
                <p>
                  The portal then shows the thumbprint <Copyable value={certificate.thumbprint_sha1} what="thumbprint" />
                </p>
              </>
            ) : (
              <p>Choose or generate a certificate first.</p>
            )}
            <p>
              A certificate that lives in an Azure Key Vault is downloaded there as .pfx or .pem and imported here. Whoever does that needs the vault's permissions Get, Import and Download, which an
              administrator may have to assign.
            </p>
          </Step>
        ) : (
          <Step title="Make a client secret" done={ready || passed("token")}>
            <p>
              <em>Certificates &amp; secrets</em>, <em>New client secret</em>: a description, an expiration, <em>Add</em>. Copy its <em>Value</em> at once, not its <em>Secret ID</em>: it is shown only
              now.
            </p>
          </Step>
        )}
        <Step title="Grant the permissions" done={ready || passed("permission")}>
          <p>
            <em>API permissions</em>, <em>Add a permission</em>, then <em>Grant admin consent</em>. Granting all of them works as well.{" "}
            <Link inline href="https://learn.microsoft.com/graph/permissions-reference" target="_blank" rel="noreferrer">
              Microsoft's permissions reference
            </Link>
          </p>
          <PermissionTable draft={draft} />
        </Step>
        {application && <ApplicationAccess clientId={draft.clientId} from={draft.from} smtp={smtp} done={passed("mailbox")} />}
        <Step title="Check the mailbox" done={ended("mailbox") ? passed("mailbox") && ended("message")?.ok !== false : sent}>
          <p>
            In the Microsoft 365 admin center, <em>Users</em>, <em>Active users</em>, the user: a licence with Exchange Online, for example Office 365 E1. Reload the page after licensing.
          </p>
          <p>
            <em>Mail</em>, <em>Email apps</em>, <em>Manage email apps</em>: <em>Authenticated SMTP</em> is on. {smtp ? "" : "Only the transport SMTP needs it; Microsoft Graph has no such switch. "}
            <Link inline href="https://learn.microsoft.com/exchange/clients-and-mobile-in-exchange-online/authenticated-client-smtp-submission" target="_blank" rel="noreferrer">
              About authenticated SMTP submission
            </Link>
          </p>
        </Step>
        <Step title={application ? "Verify the access" : "Authorize"} done={ready}>
          <p>
            Press <em>Authorize now</em>{application ? "." : " and sign in as the mailbox that sends."}
          </p>
        </Step>
        <Step title="Send a test mail" done={sent}>
          <p>
            Type an address in <em>To</em> and press <em>Send Test Email</em>.
          </p>
        </Step>
      </ol>
    </Section>
  );
}

function Step({ title, done, children }: { title: string; done: boolean; children: ReactNode }) {
  const styles = useStyles();
  const frame = useFrame();
  return (
    <li className={styles.step}>
      <span className={mergeClasses(styles.tick, done && styles.done)} aria-hidden="true">
        {done ? <CheckmarkCircleFilled /> : <CircleRegular />}
      </span>
      <div className={styles.body}>
        <h3>
          {title}
          <span className={frame.hidden}>{done ? ", done" : ", to do"}</span>
        </h3>
        {children}
      </div>
    </li>
  );
}

function Portal({ cloud, page }: { cloud: Cloud | undefined; page: string }) {
  const portal = cloud && PORTALS[cloud.name];
  if (!portal) return <>the portal of this cloud</>;
  return (
    <Link inline href={`${portal}/${page}`} target="_blank" rel="noreferrer">
      the Azure portal
    </Link>
  );
}

/** What application sign-in needs in Exchange Online, beyond the permission. */
function ApplicationAccess({ clientId, from, smtp, done }: { clientId: string; from: string; smtp: boolean; done: boolean }) {
  const app = clientId.trim() || "APPLICATION-ID";
  const mailbox = from.trim() || "MAILBOX";
  const serviceUser = `New-ServicePrincipal -AppId ${app} -ObjectId ENTERPRISE-APPLICATION-OBJECT-ID -DisplayName Postern`;
  return (
    <Step title={smtp ? "Let the application use the mailbox" : "Limit the application to its mailboxes"} done={done && smtp}>
      <p>In Exchange Online PowerShell. The object ID is the one under Enterprise applications, not under App registrations.</p>
      <Copyable value={serviceUser} what="command" />
      {smtp ? (
        <>
          <Copyable value={`Add-MailboxPermission -Identity ${mailbox} -User SERVICE-PRINCIPAL-ID -AccessRights FullAccess`} what="command" />
          <Copyable value={`Set-CASMailbox -Identity ${mailbox} -SmtpClientAuthenticationDisabled $false`} what="command" />
          <p>It can take up to an hour until Exchange knows of it.</p>
        </>
      ) : (
        <>
          <Copyable value={`New-ManagementScope -Name Postern -RecipientRestrictionFilter "PrimarySmtpAddress -eq '${mailbox}'"`} what="command" />
          <Copyable value={`New-ManagementRoleAssignment -App ${app} -Role "Application Mail.Send" -CustomResourceScope Postern`} what="command" />
          <p>These rights add to those granted in Entra: remove the application permission Mail.Send there, or it still reaches every mailbox.</p>
        </>
      )}
    </Step>
  );
}

/** Whether a test mail of this account ever went out, as the audit log knows. */
function useTestMailSent(account: string | undefined): boolean {
  const { data } = useQuery({
    queryKey: ["audit", "test-mail", account],
    enabled: account !== undefined,
    queryFn: async ({ signal }) => (await auditPage({ action: "test_email.send", target: account ?? "" }, 20, undefined, signal)).items,
  });
  return data?.some(({ outcome }) => outcome === "done") === true;
}
