import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import type { KeyboardEvent, ReactNode } from "react";

const useStyles = makeStyles({
  group: { display: "flex", flexDirection: "column", alignItems: "flex-start", gap: tokens.spacingVerticalS },
  radio: {
    display: "inline-flex",
    alignItems: "center",
    gap: "8px",
    padding: "8px",
    border: "none",
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: "transparent",
    color: tokens.colorNeutralForeground1,
    fontFamily: "inherit",
    fontSize: tokens.fontSizeBase300,
    lineHeight: tokens.lineHeightBase300,
    cursor: "pointer",
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}` },
    ":disabled": { color: tokens.colorNeutralForegroundDisabled, cursor: "not-allowed" },
  },
  dot: { width: "16px", height: "16px", boxSizing: "border-box", borderRadius: "50%", border: `1px solid ${tokens.colorNeutralStrokeAccessible}` },
  chosen: { border: `4px solid ${tokens.colorCompoundBrandBackground}` },
});

/** A choice whose radio buttons have their fields between them. */
export function ChoiceGroup({ name, children }: { name: string; children: ReactNode }) {
  const styles = useStyles();
  /** The arrows go to another one and choose it, as in any group of radio buttons. */
  const step = ({ key, currentTarget, target }: KeyboardEvent<HTMLElement>) => {
    const radios = [...currentTarget.querySelectorAll<HTMLElement>("[role=radio]")];
    const at = radios.findIndex((radio) => radio === target);
    const by = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[key];
    if (at < 0 || !by) return;
    const next = radios[(at + by + radios.length) % radios.length];
    next?.focus();
    next?.click();
  };
  return (
    <div role="radiogroup" aria-label={name} className={styles.group} onKeyDown={step}>
      {children}
    </div>
  );
}

interface Props {
  chosen: boolean;
  onChoose: () => void;
  describedBy?: string;
  children: string;
}

/**
 * A radio button that is named by what it shows and has no label of its own: the field below it has the same one, and is
 * what somebody means who asks for it by its label.
 */
export function Choice({ chosen, onChoose, describedBy, children }: Props) {
  const styles = useStyles();
  return (
    <button type="button" role="radio" aria-checked={chosen} aria-describedby={describedBy} tabIndex={chosen ? 0 : -1} className={styles.radio} onClick={onChoose}>
      <span aria-hidden="true" className={mergeClasses(styles.dot, chosen && styles.chosen)} />
      {children}
    </button>
  );
}
