import { MessageBar } from "@fluentui/react-components";
import type { ComponentProps } from "react";

type Props = ComponentProps<typeof MessageBar>;

/**
 * A message bar that is read out when it appears, and that isn't named by its own text: a sentence with "password" in it
 * must not pass for the field of that name.
 */
export function Notice({ intent = "info", ...rest }: Props) {
  return <MessageBar layout="multiline" {...rest} intent={intent} role={intent === "error" ? "alert" : "status"} aria-labelledby={undefined} />;
}
