import { Caption1, makeStyles, Select, Skeleton, SkeletonItem, tokens } from "@fluentui/react-components";
import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { history, type Range, type Step } from "../api/mail";
import { Failed } from "../parts/Failed";
import { Fold } from "../parts/Fold";
import { Section } from "../parts/Page";
import { SimpleTable } from "../parts/SimpleTable";
import { useFrame } from "../parts/styles";
import { exactly } from "../parts/time";
import { MailChart, SERIES, stepName } from "./MailChart";

const WORDS: Record<Range, string> = { day: "Last 24 hours", week: "Last 7 days", month: "Last 30 days" };

const useStyles = makeStyles({
  legend: { display: "flex", flexWrap: "wrap", gap: "4px 20px", margin: 0, padding: 0, listStyleType: "none" },
  sign: { display: "inline-block", width: "10px", height: "10px", marginRight: "6px", borderRadius: "2px" },
  line: { height: "3px", verticalAlign: "middle" },
  total: { fontWeight: tokens.fontWeightSemibold, fontVariantNumeric: "tabular-nums" },
});

/** Mail over time. */
export function MailSection() {
  const [range, setRange] = useState<Range>("day");
  const { data, error, refetch } = useQuery({ ...history(range), placeholderData: keepPreviousData });
  return (
    <Section
      title="Mail over time"
      actions={
        <Select aria-label="Period" size="small" value={range} onChange={(_, { value }) => setRange(value as Range)}>
          {Object.entries(WORDS).map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </Select>
      }
    >
      {error && !data ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Skeleton aria-label="Loading the chart">
          <SkeletonItem size={128} />
        </Skeleton>
      ) : (
        <>
          <Legend steps={data.items} />
          <MailChart steps={data.items} minutes={data.step_minutes} />
          <AsTable steps={data.items} minutes={data.step_minutes} />
        </>
      )}
    </Section>
  );
}

function Legend({ steps }: { steps: Step[] }) {
  const styles = useStyles();
  return (
    <ul className={styles.legend} aria-label="Totals">
      {SERIES.map(({ key, word, colour, isLine }) => (
        <li key={key}>
          <span className={isLine ? `${styles.sign} ${styles.line}` : styles.sign} style={{ backgroundColor: colour }} aria-hidden="true" />
          {word} <span className={styles.total}>{steps.reduce((sum, step) => sum + step[key], 0).toLocaleString("en")}</span>
        </li>
      ))}
    </ul>
  );
}

/** The same for those who don't see the chart, or want the numbers. */
function AsTable({ steps, minutes }: { steps: Step[]; minutes: number }) {
  const frame = useFrame();
  const busy = steps.filter((step) => SERIES.some(({ key }) => step[key] > 0)).reverse();
  return (
    <Fold name="Show as a table">
      {busy.length === 0 ? (
        <Caption1 className={frame.quiet}>There was no mail in this period.</Caption1>
      ) : (
        <SimpleTable
          label="Mail over time"
          rows={busy}
          rowKey={({ at }) => at}
          columns={[
            ["From", ({ at }) => <time dateTime={at} title={exactly(at)}>{stepName(at, minutes)}</time>],
            ...SERIES.map(({ key, word }): [string, (step: Step) => React.ReactNode] => [word, (step) => <span className={frame.number}>{step[key].toLocaleString("en")}</span>]),
          ]}
        />
      )}
    </Fold>
  );
}
