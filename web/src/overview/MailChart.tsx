/**
 * Mail over time as columns: what was sent, put off and given up in each step, and what was accepted as a line. Drawn by
 * ourselves: a chart library would cost as much as half of the console.
 */
import { Caption1, makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { type PointerEvent, useState } from "react";
import type { Step } from "../api/mail";
import { useFrame } from "../parts/styles";

type Key = "accepted" | "sent" | "deferred" | "failed";

export const SERIES: { key: Key; word: string; colour: string; isLine?: boolean }[] = [
  { key: "accepted", word: "Accepted", colour: tokens.colorCompoundBrandStroke, isLine: true },
  { key: "sent", word: "Sent", colour: tokens.colorPaletteGreenBackground3 },
  { key: "deferred", word: "Put off", colour: tokens.colorPaletteMarigoldBackground3 },
  { key: "failed", word: "Failed", colour: tokens.colorPaletteRedBackground3 },
];
const STACK = SERIES.filter(({ isLine }) => !isLine);
/** The drawing's own units; it is stretched to the place that there is. */
const [WIDTH, HEIGHT] = [1000, 100];
/** How much of a step's width its column leaves free on either side. */
const GAP = 0.12;
const MOST_LABELS = 6;

const useStyles = makeStyles({
  figure: { margin: 0, display: "grid", gridTemplateColumns: "max-content minmax(0, 1fr)", columnGap: "8px" },
  scale: { display: "flex", flexDirection: "column", justifyContent: "space-between", textAlign: "end", fontVariantNumeric: "tabular-nums", transform: "translateY(-0.6em)", height: "calc(160px + 1.2em)" },
  plot: { position: "relative", height: "160px", borderBottom: `1px solid ${tokens.colorNeutralStroke1}`, backgroundImage: `linear-gradient(${tokens.colorNeutralStroke3} 1px, transparent 1px)`, backgroundSize: "100% 50%" },
  svg: { position: "absolute", inset: 0, width: "100%", height: "100%", display: "block" },
  times: { gridColumn: 2, position: "relative", height: "20px" },
  time: { position: "absolute", whiteSpace: "nowrap", color: tokens.colorNeutralForeground3 },
  tip: {
    position: "absolute",
    bottom: "100%",
    zIndex: 1,
    marginBottom: "4px",
    padding: "6px 10px",
    backgroundColor: tokens.colorNeutralBackground1,
    borderRadius: tokens.borderRadiusMedium,
    boxShadow: tokens.shadow8,
    whiteSpace: "nowrap",
    pointerEvents: "none",
  },
});

export function MailChart({ steps, minutes }: { steps: Step[]; minutes: number }) {
  const styles = useStyles();
  const frame = useFrame();
  const [at, setAt] = useState<number | null>(null);
  const most = topOf(steps);
  const point = (event: PointerEvent<HTMLElement>) => {
    const { left, width } = event.currentTarget.getBoundingClientRect();
    const index = Math.floor(((event.clientX - left) / width) * steps.length);
    setAt(index >= 0 && index < steps.length ? index : null);
  };
  const pointed = at === null ? undefined : steps[at];
  return (
    <figure className={styles.figure} aria-label={summary(steps)}>
      <Caption1 className={mergeClasses(styles.scale, frame.quiet)} aria-hidden="true">
        <span>{short(most)}</span>
        <span>{most > 1 ? short(most / 2) : ""}</span>
        <span>0</span>
      </Caption1>
      <div className={styles.plot} onPointerMove={point} onPointerLeave={() => setAt(null)}>
        <svg className={styles.svg} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} preserveAspectRatio="none" aria-hidden="true">
          <Columns steps={steps} most={most} at={at} />
          <polyline points={line(steps, most)} fill="none" stroke={tokens.colorCompoundBrandStroke} strokeWidth="2" vectorEffect="non-scaling-stroke" />
        </svg>
        {pointed && at !== null && <Tip step={pointed} minutes={minutes} place={(at + 0.5) / steps.length} />}
      </div>
      <Times steps={steps} minutes={minutes} />
    </figure>
  );
}

function Columns({ steps, most, at }: { steps: Step[]; most: number; at: number | null }) {
  const width = WIDTH / Math.max(steps.length, 1);
  return steps.map((step, index) => {
    let top = HEIGHT;
    return (
      <g key={step.at} opacity={at === null || at === index ? 1 : 0.5}>
        {STACK.map(({ key, colour }) => {
          const height = (step[key] / most) * HEIGHT;
          top -= height;
          return height > 0 ? <rect key={key} x={(index + GAP) * width} y={top} width={width * (1 - 2 * GAP)} height={height} fill={colour} /> : null;
        })}
      </g>
    );
  });
}

function Tip({ step, minutes, place }: { step: Step; minutes: number; place: number }) {
  const styles = useStyles();
  // It stays within the chart: it hangs to the left of what is on the right.
  const side = place > 0.5 ? { right: `${(1 - place) * 100}%` } : { left: `${place * 100}%` };
  return (
    <div className={styles.tip} style={side} aria-hidden="true">
      <strong>{stepName(step.at, minutes)}</strong>
      {SERIES.map(({ key, word }) => (
        <div key={key}>
          {word}: {step[key].toLocaleString("en")}
        </div>
      ))}
    </div>
  );
}

function Times({ steps, minutes }: { steps: Step[]; minutes: number }) {
  const styles = useStyles();
  const every = Math.max(1, Math.ceil(steps.length / MOST_LABELS));
  return (
    <div className={styles.times} aria-hidden="true">
      {steps.map(({ at }, index) =>
        index % every === 0 ? (
          <Caption1 key={at} className={styles.time} style={{ left: `${(index / steps.length) * 100}%` }}>
            {stepName(at, minutes)}
          </Caption1>
        ) : null,
      )}
    </div>
  );
}

const hours = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const days = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const both = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

/** A step by its beginning: the hour within a day, the day where it is a whole one. */
export function stepName(at: string, minutes: number): string {
  const form = minutes >= 1440 ? days : minutes > 60 ? both : hours;
  return form.format(new Date(at));
}

/** The scale's end: a round number above everything. */
function topOf(steps: Step[]): number {
  const highest = Math.max(1, ...steps.map((step) => Math.max(step.accepted, STACK.reduce((sum, { key }) => sum + step[key], 0))));
  const power = 10 ** Math.floor(Math.log10(highest));
  return ([1, 2, 4, 5, 10].find((factor) => factor * power >= highest) ?? 10) * power;
}

function line(steps: Step[], most: number): string {
  const width = WIDTH / Math.max(steps.length, 1);
  return steps.map(({ accepted }, index) => `${(index + 0.5) * width},${HEIGHT - (accepted / most) * HEIGHT}`).join(" ");
}

function short(count: number): string {
  return new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 }).format(count);
}

/** The chart in a sentence. */
function summary(steps: Step[]): string {
  const sum = (key: Key) => steps.reduce((total, step) => total + step[key], 0).toLocaleString("en");
  return `Mail over time: ${sum("accepted")} accepted, ${sum("sent")} sent, ${sum("deferred")} put off, ${sum("failed")} failed`;
}
