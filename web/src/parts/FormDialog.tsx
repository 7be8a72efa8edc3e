import { Button, Dialog, DialogActions, DialogBody, DialogContent, DialogSurface, DialogTitle } from "@fluentui/react-components";
import { type ReactNode, type SubmitEvent, useState } from "react";
import { Refusal } from "./Refusal";
import { useFrame } from "./styles";
import { useWrongField } from "./useWrongField";

interface Props {
  title: string;
  /** The one primary button. */
  action: string;
  busy?: boolean;
  busyAction?: string;
  /** What the other button says, where "Cancel" would be taken for the action. */
  dismiss?: string;
  /** A refusal that belongs to no field. */
  error?: unknown;
  onSubmit: () => void;
  onClose: () => void;
  children: ReactNode;
}

/** A dialog with a form in it. A refusal leaves it open, with what was typed. */
export function FormDialog({ title, action, busy = false, busyAction, dismiss = "Cancel", error, onSubmit, onClose, children }: Props) {
  const frame = useFrame();
  const [tries, setTries] = useState(0);
  const wrongField = useWrongField(tries, busy);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    // A dialog opened from a form lies outside it in the document, but React's events would reach it.
    event.stopPropagation();
    if (busy) return;
    setTries(tries + 1);
    onSubmit();
  };
  return (
    // A click beside it must not throw away what was typed.
    <Dialog open onOpenChange={(_, { open, type }) => !open && type !== "backdropClick" && onClose()}>
      {/* Over another dialog, too, what lies behind is dimmed. */}
      <DialogSurface backdrop={{ appearance: "dimmed" }}>
        <form {...wrongField} onSubmit={submit} noValidate>
          <DialogBody>
            <DialogTitle>{title}</DialogTitle>
            <DialogContent className={frame.form}>
              {children}
              <Refusal error={error} />
            </DialogContent>
            <DialogActions>
              <Button type="submit" appearance="primary" disabledFocusable={busy}>
                {busy ? (busyAction ?? action) : action}
              </Button>
              <Button type="button" onClick={onClose}>
                {dismiss}
              </Button>
            </DialogActions>
          </DialogBody>
        </form>
      </DialogSurface>
    </Dialog>
  );
}
