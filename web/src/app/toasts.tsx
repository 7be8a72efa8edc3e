import { Toast, ToastTitle, useToastController } from "@fluentui/react-components";
import { useCallback } from "react";

export const TOASTER = "toaster";

/** Tells what is over and done with; what remains to be seen stands in a message bar instead. */
export function useTell(): (text: string) => void {
  const { dispatchToast } = useToastController(TOASTER);
  return useCallback(
    (text) =>
      dispatchToast(
        <Toast>
          <ToastTitle>{text}</ToastTitle>
        </Toast>,
        // There is nothing to press in it: were it a stop for Tab, it would be the last one (react-toast keeps Tab inside).
        { intent: "success", timeout: 5000, root: { tabIndex: -1 } },
      ),
    [dispatchToast],
  );
}
