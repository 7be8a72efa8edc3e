import { MessageBarBody, MessageBarTitle } from "@fluentui/react-components";
import { explained } from "../api/problem";
import { Notice } from "./Notice";

/** What was refused and what to do, where no single field is to blame. */
export function Refusal({ error }: { error: unknown }) {
  if (!error) return null;
  const { message, hint } = explained(error);
  return (
    <Notice intent="error">
      <MessageBarBody>
        <Headed text={message} /> {hint}
      </MessageBarBody>
    </Notice>
  );
}

/** What is longer than this reads badly in bold. */
const LONGEST_TITLE = 120;

/** A text as a title, or under one when it is long: what Microsoft says often is. */
export function Headed({ text, title = "This did not work." }: { text: string; title?: string }) {
  if (text.length <= LONGEST_TITLE) return <MessageBarTitle>{text}</MessageBarTitle>;
  return (
    <>
      <MessageBarTitle>{title}</MessageBarTitle> {text}
    </>
  );
}
