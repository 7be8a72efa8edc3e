import { Body1, makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";

const useStyles = makeStyles({
  root: { display: "flex", flexDirection: "column", alignItems: "center", gap: tokens.spacingVerticalM, padding: "40px 16px", textAlign: "center", color: tokens.colorNeutralForeground2 },
  icon: { fontSize: "40px", lineHeight: 1, color: tokens.colorNeutralForeground3 },
});

/** An invitation where there is nothing yet. */
export function Empty({ icon, text, children }: { icon: ReactNode; text: string; children?: ReactNode }) {
  const styles = useStyles();
  return (
    <div className={styles.root}>
      <span className={styles.icon} aria-hidden="true">
        {icon}
      </span>
      <Body1>{text}</Body1>
      {children}
    </div>
  );
}
