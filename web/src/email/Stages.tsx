import { Caption1, makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { CheckmarkCircleFilled, DismissCircleFilled, SubtractCircleRegular } from "@fluentui/react-icons";
import type { Stage } from "../api/queries";
import { useFrame } from "../parts/styles";
import { TURNS } from "../parts/turns";

/** A stage under way, or one that ended. */
export type Progress = { name: string; under_way: true } | ({ under_way: false } & Stage);

export const started = (name: string): Progress => ({ name, under_way: true });
export const progressOf = (stage: Stage): Progress => ({ ...stage, under_way: false });

const NAMES: Record<string, string> = {
  settings: "Settings complete",
  certificate: "Certificate valid",
  token: "Token obtained",
  permission: "Permission present",
  mailbox: "Mailbox reachable",
  message: "Message accepted",
};
export const stageName = (name: string): string => NAMES[name] ?? name;

const useStyles = makeStyles({
  list: { margin: 0, padding: 0, listStyleType: "none", borderTop: `1px solid ${tokens.colorNeutralStroke2}` },
  stage: { display: "grid", gridTemplateColumns: "24px minmax(0, 1fr) max-content", gap: "4px 8px", padding: "8px 0", borderBottom: `1px solid ${tokens.colorNeutralStroke2}` },
  icon: { fontSize: "20px", lineHeight: 1, display: "flex", justifyContent: "center" },
  good: { color: tokens.colorPaletteGreenForeground1 },
  bad: { color: tokens.colorPaletteRedForeground1 },
  skipped: { color: tokens.colorNeutralForeground3 },
  advice: { gridColumn: "2 / -1", display: "grid", gridTemplateColumns: "max-content minmax(0, 1fr)", gap: "2px 12px", margin: 0, "& dt": { color: tokens.colorNeutralForeground3 }, "& dd": { margin: 0, overflowWrap: "anywhere" } },
});

/** How far a test mail got, what failed, why, and what to do. */
export function Stages({ progress }: { progress: Progress[] }) {
  const styles = useStyles();
  return (
    <ol className={styles.list} aria-label="Stages" aria-live="polite">
      {progress.map((stage) => (
        <li key={stage.name} className={styles.stage}>
          {stage.under_way ? (
            <>
              <Spinner size="extra-tiny" />
              <span>{stageName(stage.name)}…</span>
            </>
          ) : (
            <Ended stage={stage} />
          )}
        </li>
      ))}
    </ol>
  );
}

function Ended({ stage }: { stage: Stage }) {
  const styles = useStyles();
  const frame = useFrame();
  const [icon, look, word] = stage.skipped
    ? [<SubtractCircleRegular key="i" />, styles.skipped, "skipped"]
    : stage.ok
      ? [<CheckmarkCircleFilled key="i" />, styles.good, "done"]
      : [<DismissCircleFilled key="i" />, styles.bad, "failed"];
  const advised = !stage.skipped && (stage.cause || stage.fix);
  return (
    <>
      <span className={mergeClasses(styles.icon, look)} aria-hidden="true">
        {icon}
      </span>
      <span className={frame.wrap}>
        <strong>{stageName(stage.name)}</strong> <span className={frame.hidden}>{word}</span>
        {stage.detail && (
          <Caption1 block className={frame.quiet}>
            {stage.detail}
          </Caption1>
        )}
      </span>
      <Caption1 className={mergeClasses(frame.number, frame.quiet)}>{stage.skipped ? "skipped" : `${stage.took_ms} ms`}</Caption1>
      {advised && (
        <dl className={styles.advice}>
          {stage.cause && (
            <>
              <dt>Cause</dt>
              <dd>{stage.cause}</dd>
            </>
          )}
          {stage.fix && (
            <>
              <dt>Fix</dt>
              <dd>
                {stage.fix} {stage.turn ? TURNS[stage.turn] : ""}
              </dd>
            </>
          )}
          {stage.code && (
            <>
              <dt>Code</dt>
              <dd>
                <code className={frame.mono}>{stage.code}</code>
              </dd>
            </>
          )}
        </dl>
      )}
    </>
  );
}
