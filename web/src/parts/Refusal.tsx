import { MessageBar, MessageBarBody, MessageBarTitle } from "@fluentui/react-components";
import { explained } from "../api/problem";

/** What was refused and what to do, where no single field is to blame. */
export function Refusal({ error }: { error: unknown }) {
  if (!error) return null;
  const { message, hint } = explained(error);
  return (
    <MessageBar intent="error" layout="multiline" politeness="assertive">
      <MessageBarBody>
        <MessageBarTitle>{message}</MessageBarTitle> {hint}
      </MessageBarBody>
    </MessageBar>
  );
}
