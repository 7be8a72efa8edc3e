import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";

const useStyles = makeStyles({
  ground: { minHeight: "100vh", display: "flex", alignItems: "center", justifyContent: "center", backgroundColor: tokens.colorNeutralBackground3, padding: "16px", boxSizing: "border-box" },
  card: {
    width: "100%",
    maxWidth: "400px",
    boxSizing: "border-box",
    display: "flex",
    flexDirection: "column",
    gap: tokens.spacingVerticalL,
    padding: "36px",
    backgroundColor: tokens.colorNeutralBackground1,
    borderRadius: tokens.borderRadiusMedium,
    boxShadow: tokens.shadow16,
    "& h1": { margin: 0 },
    "@media (max-width: 480px)": { padding: "20px" },
  },
  brand: { display: "flex", alignItems: "center", gap: tokens.spacingHorizontalS, fontWeight: tokens.fontWeightSemibold, fontSize: tokens.fontSizeBase400 },
});

/** The card in front of the door: sign-in and set-up. */
export function Front({ children }: { children: ReactNode }) {
  const styles = useStyles();
  return (
    <div className={styles.ground}>
      <main className={styles.card}>
        <div className={styles.brand}>
          <img src="/icon.svg" alt="" width="24" height="24" />
          Postern
        </div>
        {children}
      </main>
    </div>
  );
}
