import { Body1, Button, Caption1, makeStyles, MessageBarBody, tokens } from "@fluentui/react-components";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useEffectEvent } from "react";
import { answer, api } from "../api/client";
import type { Account } from "../api/queries";
import { Fold } from "../parts/Fold";
import { Notice } from "../parts/Notice";
import { Section } from "../parts/Page";
import { fittingUri } from "../parts/RedirectUris";
import { Headed, Refusal } from "../parts/Refusal";
import { AccountStatus } from "../parts/Status";
import { useFrame } from "../parts/styles";
import { daysUntil, exactly, inDays } from "../parts/time";
import { When } from "../parts/When";
import { useMay } from "../session/session";
import { FlowWatch } from "./FlowWatch";
import { Missing } from "./Missing";
import type { AccountForm } from "./useAccountForm";
import { useFlow } from "./useFlow";

/** A grant that nobody renews lapses after so many days of inactivity (Microsoft identity platform, refresh tokens). */
const GRANT_DAYS = 90;

const useStyles = makeStyles({
  facts: { display: "grid", gridTemplateColumns: "max-content minmax(0, 1fr)", gap: "4px 24px", margin: 0, "& dt": { color: tokens.colorNeutralForeground3 }, "& dd": { margin: 0, overflowWrap: "anywhere" } },
});

/** *Authorize now*: who signed in, and how somebody does. */
export function SignInSection({ form, redirectUris }: { form: AccountForm; redirectUris: string[] }) {
  const frame = useFrame();
  const queries = useQueryClient();
  const mayChange = useMay("administrator");
  const { account } = form;
  const { flow, begin, forget } = useFlow(account);

  // A change that ended the sign-in leaves nothing to be said of how it went.
  const ended = useEffectEvent(() => {
    if (form.notices.length > 0) forget();
  });
  useEffect(() => ended(), [form.notices]);

  const start = useMutation({
    mutationFn: async ({ tab, deviceCode }: { tab: Window | null; deviceCode: boolean }) => {
      try {
        const saved = await form.save();
        const body = { browser: !deviceCode, device_code: deviceCode, redirect_uri: deviceCode ? null : (fittingUri(redirectUris) ?? null) };
        const begun = await answer(api.POST("/accounts/{account}/authorize", { params: { path: { account: saved.id } }, body }));
        if (tab && begun.url) tab.location.replace(begun.url);
        else tab?.close();
        return { begun, saved };
      } catch (error) {
        tab?.close();
        throw error;
      }
    },
    onSuccess: ({ begun, saved }) => {
      begin(begun, saved);
      void queries.invalidateQueries({ queryKey: ["accounts"] });
    },
  });

  const authorize = (deviceCode: boolean) => {
    form.try();
    if (form.missing.length > 0) return;
    forget();
    // Opened at once, while the browser still counts it as the click's doing; the address follows.
    const tab = form.draft.signIn === "delegated" && !deviceCode ? openTab() : null;
    start.mutate({ tab, deviceCode });
  };

  return (
    <Section title="Authorization" actions={account && <AccountStatus account={account} />}>
      {/* What a sign-in under way waits for is said with its buttons below. */}
      {account && !(flow && account.state.name !== "broken") && <State account={account} />}
      {account && <Facts account={account} />}
      {/* A refused setting is shown at its field above. */}
      {start.error !== form.error && <Refusal error={start.error} />}
      {flow && <FlowWatch key={flow.id} begun={flow} onDone={forget} />}
      {mayChange && (
        <>
          <div className={frame.row}>
            <Button
              appearance={account?.state.name !== "ready" && !flow && !(account && form.dirty) ? "primary" : "secondary"}
              disabledFocusable={start.isPending}
              aria-describedby="authorize-missing"
              onClick={() => authorize(false)}
            >
              {start.isPending ? "Authorizing…" : "Authorize now"}
            </Button>
            <Missing id="authorize-missing" names={form.missing} />
            {form.missing.length === 0 && (
              <Caption1 className={frame.quiet}>
                {form.draft.signIn === "delegated" ? "Opens Microsoft's page in a new tab" : "Verifies that a token can be had; no person is needed"}
                {form.dirty ? "; saves first" : ""}
              </Caption1>
            )}
          </div>
          {form.draft.signIn === "delegated" && (
            <Fold name="Other ways to sign in">
              <Body1>
                If Microsoft's redirect can't reach this console, use <em>Authorize now</em> all the same and paste the address at which the browser ended. As a last resort sign in with a code on
                another device; the tenant may forbid that, and may stop such a sign-in later.
              </Body1>
              <div>
                <Button disabledFocusable={start.isPending} onClick={() => authorize(true)}>
                  Use a device code
                </Button>
              </div>
            </Fold>
          )}
        </>
      )}
    </Section>
  );
}

function openTab(): Window | null {
  const tab = window.open("about:blank", "_blank");
  if (tab) {
    // Microsoft's page must have no hold on this one.
    tab.opener = null;
    tab.document.title = "Postern";
    tab.document.body.textContent = "Opening Microsoft's sign-in page…";
  }
  return tab;
}

/** The permission's name out of a scope; the resource before it is the same for all. */
function shortScope(scope: string): string {
  return scope.slice(scope.lastIndexOf("/") + 1);
}

function State({ account }: { account: Account }) {
  const { name, cause, fix, since, code } = account.state;
  if (name === "ready" || !cause) return null;
  return (
    <Notice intent={name === "broken" ? "error" : "warning"}>
      <MessageBarBody>
        <Headed title="This account is broken." text={cause} /> {fix} <Caption1>{code ? `${code}, ` : ""}since </Caption1>
        <When at={since} />
      </MessageBarBody>
    </Notice>
  );
}

/** Addresses are compared as people do; Exchange has the last word. */
function isAnother(user: string, from: string | null | undefined): boolean {
  return Boolean(from) && from?.toLowerCase() !== user.toLowerCase();
}

function Facts({ account }: { account: Account }) {
  const styles = useStyles();
  const { grant, credential } = account;
  if (!grant && !credential.expires) return null;
  const lapses = grant && new Date(Date.parse(grant.renewed) + GRANT_DAYS * 86_400_000).toISOString();
  return (
    <dl className={styles.facts}>
      {grant && (
        <>
          <dt>Signed in as</dt>
          <dd>
            {grant.user}
            {grant.via_device_code ? ", by device code" : ""}
            {isAnother(grant.user, account.from) && `: it needs the right to send as ${account.from}`}
          </dd>
          <dt>Signed in</dt>
          <dd>
            <When at={grant.obtained} />, renewed <When at={grant.renewed} />
          </dd>
          <dt>Permissions</dt>
          <dd>{grant.scopes.map(shortScope).join(", ")}</dd>
        </>
      )}
      {lapses && (
        <>
          <dt>Sign-in lapses</dt>
          <dd title={exactly(lapses)}>{inDays(daysUntil(lapses))}, if it is not renewed before; Postern does that by itself</dd>
        </>
      )}
      {credential.expires && (
        <>
          <dt>{credential.kind === "secret" ? "Secret expires" : "Certificate expires"}</dt>
          <dd title={exactly(credential.expires)}>{inDays(daysUntil(credential.expires))}</dd>
        </>
      )}
    </dl>
  );
}
