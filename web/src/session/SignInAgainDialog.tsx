import { Body1, Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from "@fluentui/react-components";
import type { Session } from "../api/session";
import { SignInForm } from "./SignInForm";

interface Props {
  user: string;
  onSignedIn: (session: Session) => void;
  onLeave: () => void;
}

/** Stands over whatever page the session ended under. */
export function SignInAgainDialog({ user, onSignedIn, onLeave }: Props) {
  return (
    <Dialog open modalType="alert">
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Sign in again</DialogTitle>
          <DialogContent>
            <Body1 block style={{ marginBottom: 12 }}>
              Your session has ended. Sign in to go on; nothing that you typed is lost.
            </Body1>
            <SignInForm user={user} onSignedIn={onSignedIn} />
          </DialogContent>
          <DialogActions>
            <Button appearance="subtle" onClick={onLeave}>
              Leave this page
            </Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}
