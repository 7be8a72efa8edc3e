import { Badge } from "@fluentui/react-components";
import { type Colour, STATES } from "./words";

export function StateMark({ state }: { state: string }) {
  return <WordMark known={STATES[state]} word={state} />;
}

/** A word in its colour; one that isn't known is shown as it is called. */
export function WordMark({ known, word }: { known: [string, Colour] | undefined; word: string }) {
  const [text, color] = known ?? [word, "informative" as const];
  return (
    <Badge appearance="tint" color={color} style={{ whiteSpace: "nowrap" }}>
      {text}
    </Badge>
  );
}
