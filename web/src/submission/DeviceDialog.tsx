import { Body1, Button, Caption1, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle, MessageBarBody, MessageBarTitle } from "@fluentui/react-components";
import type { MadeSubmitter, Submitter } from "../api/mail";
import { Copyable } from "../parts/Copy";
import { Notice } from "../parts/Notice";
import { useFrame } from "../parts/styles";
import { DeviceLines } from "./DeviceLines";

/** What to type into a device, and, just after it was made, the secret that is shown only then. */
export function DeviceDialog({ title, submitter, onClose }: { title: string; submitter: Submitter | MadeSubmitter; onClose: () => void }) {
  const frame = useFrame();
  const password = "password" in submitter ? (submitter.password ?? undefined) : undefined;
  const token = "token" in submitter ? (submitter.token ?? undefined) : undefined;
  const logsIn = submitter.has_password || submitter.networks.length > 0;
  return (
    // A click beside it must not take away what is shown only once.
    <Dialog open onOpenChange={(_, { open, type }) => !open && type !== "backdropClick" && onClose()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>{title}</DialogTitle>
          <DialogContent className={frame.form}>
            {(password ?? token) && (
              <Notice intent="warning">
                <MessageBarBody>
                  <MessageBarTitle>Copy the {[password && "password", token && "token"].filter(Boolean).join(" and the ")} now:</MessageBarTitle> shown only this once.
                </MessageBarBody>
              </Notice>
            )}
            {logsIn && (
              <>
                <Body1>
                  <strong>{submitter.name}</strong> hands mail over by SMTP with these lines:
                </Body1>
                <DeviceLines userName={submitter.has_password ? submitter.user_name : null} password={password} />
              </>
            )}
            {submitter.has_token && (
              <div>
                <Body1 block>Programs use the REST API with the token:</Body1>
                <Copyable value={`POST ${window.location.origin}/api/v1/messages`} what="address" />
                {token ? (
                  <div>
                    <Copyable value={token} what="token" />
                  </div>
                ) : (
                  <Caption1 block className={frame.quiet}>
                    Authorization: Bearer, and the token as it was shown when it was made
                  </Caption1>
                )}
              </div>
            )}
            {submitter.uids.length > 0 && (
              <Body1>
                The local {submitter.uids.length === 1 ? "user" : "users"} {submitter.uids.join(", ")} of this machine can use <code className={frame.mono}>sendmail</code> without a password.
              </Body1>
            )}
            {!logsIn && !submitter.has_token && submitter.uids.length === 0 && <Body1>{submitter.name} is known by nothing yet: give it a password, a token or a network.</Body1>}
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={onClose}>
              Done
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
