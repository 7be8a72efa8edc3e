import { Body1, Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from "@fluentui/react-components";
import { useEffect } from "react";
import { type BlockerFunction, type Location, useBlocker } from "react-router";

/** Asks before what was typed and not saved is left behind; the browser asks itself where the whole page goes. */
export function UnsavedDialog({ edited }: { edited: boolean }) {
  const leaving: BlockerFunction = ({ currentLocation, nextLocation }) => edited && leavesBehind(currentLocation, nextLocation);
  const blocker = useBlocker(leaving);
  useEffect(() => {
    if (!edited) return;
    const ask = (event: BeforeUnloadEvent) => event.preventDefault();
    window.addEventListener("beforeunload", ask);
    return () => window.removeEventListener("beforeunload", ask);
  }, [edited]);

  if (blocker.state !== "blocked") return null;
  return (
    <Dialog open onOpenChange={(_, { open }) => !open && blocker.reset()}>
      <DialogSurface>
        <DialogBody>
          <DialogTitle>Leave Without Saving</DialogTitle>
          <DialogContent>
            <Body1>The changes to this account are not saved. Leaving discards them.</Body1>
          </DialogContent>
          <DialogActions>
            <Button appearance="primary" onClick={() => blocker.reset()}>
              Stay
            </Button>
            <Button onClick={() => blocker.proceed()}>Discard changes</Button>
          </DialogActions>
        </DialogBody>
      </DialogSurface>
    </Dialog>
  );
}

/** The certificates' dialog, and a new account that gets its id, keep the form as it is. */
function leavesBehind(from: Location, to: Location): boolean {
  const state = to.state as { keep?: string; discard?: boolean } | null;
  if (state?.keep !== undefined || state?.discard) return false;
  return !to.pathname.startsWith("/settings/email") || from.search !== to.search;
}
