import { Body1, Button, makeStyles, Subtitle1, tokens } from "@fluentui/react-components";
import { explained, Problem, Unreachable } from "../api/problem";

const useStyles = makeStyles({
  root: { display: "flex", flexDirection: "column", alignItems: "flex-start", gap: tokens.spacingVerticalM, padding: tokens.spacingHorizontalXL, maxWidth: "560px" },
});

/** In place of what could not be read: why, and what to do. */
export function Failed({ error, retry }: { error: unknown; retry: () => void }) {
  const styles = useStyles();
  const { message, hint } = explained(error);
  return (
    <div className={styles.root} role="alert">
      <Subtitle1 as="h2">{title(error)}</Subtitle1>
      <Body1>{message}</Body1>
      {hint && <Body1>{hint}</Body1>}
      <Button onClick={retry}>Try again</Button>
    </div>
  );
}

function title(error: unknown): string {
  if (error instanceof Unreachable) return "Postern can't be reached";
  if (!(error instanceof Problem)) return "This page failed";
  if (error.status === 403) return "Your role doesn't allow this";
  if (error.status === 421) return "Postern doesn't answer under this name";
  return error.status >= 500 ? "Postern could not do this" : "This did not work";
}
