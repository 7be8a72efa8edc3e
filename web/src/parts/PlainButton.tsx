/**
 * Small buttons for the rows of long lists and for values to copy. They look like Fluent's subtle ones and are the
 * browser's own: a list draws dozens of them while it scrolls.
 */
import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import type { ComponentProps } from "react";

const useStyles = makeStyles({
  root: {
    display: "inline-flex",
    flexShrink: 0,
    alignItems: "center",
    justifyContent: "center",
    gap: "2px",
    minWidth: "24px",
    height: "24px",
    boxSizing: "border-box",
    padding: "0 6px",
    border: "none",
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: "transparent",
    color: tokens.colorNeutralForeground2,
    fontFamily: "inherit",
    fontSize: tokens.fontSizeBase200,
    lineHeight: tokens.lineHeightBase200,
    whiteSpace: "nowrap",
    cursor: "pointer",
    ":hover": { backgroundColor: tokens.colorSubtleBackgroundHover, color: tokens.colorNeutralForeground2Hover },
    ":active": { backgroundColor: tokens.colorSubtleBackgroundPressed, color: tokens.colorNeutralForeground2Pressed },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
});

export function PlainButton({ className, ...rest }: ComponentProps<"button">) {
  const styles = useStyles();
  return <button type="button" {...rest} className={mergeClasses(styles.root, className)} />;
}
