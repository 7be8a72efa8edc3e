import { makeStyles, tokens } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { NARROW } from "./styles";

const useStyles = makeStyles({
  table: {
    width: "100%",
    borderCollapse: "collapse",
    "& th": { textAlign: "start", padding: "6px 12px 6px 0", fontSize: tokens.fontSizeBase200, color: tokens.colorNeutralForeground2, fontWeight: tokens.fontWeightSemibold },
    "& td": { padding: "6px 12px 6px 0", borderTop: `1px solid ${tokens.colorNeutralStroke2}`, verticalAlign: "middle", overflowWrap: "anywhere" },
    [NARROW]: {
      display: "block",
      "& thead": { position: "absolute", clipPath: "inset(50%)" },
      "& tbody": { display: "block" },
      "& tr": { display: "block", padding: "6px 0", borderTop: `1px solid ${tokens.colorNeutralStroke2}` },
      "& td": { display: "grid", gridTemplateColumns: "96px minmax(0, 1fr)", gap: "8px", borderTopStyle: "none", padding: "3px 0" },
      "& td::before": { content: "attr(data-label)", color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
    },
  },
});

interface Props<T> {
  label: string;
  columns: [name: string, cell: (row: T) => ReactNode][];
  rows: T[];
  rowKey: (row: T) => string;
}

/** A short table; on a narrow screen each row becomes a card. Roles are written out as a changed display loses them. */
export function SimpleTable<T>({ label, columns, rows, rowKey }: Props<T>) {
  const styles = useStyles();
  return (
    <table role="table" aria-label={label} className={styles.table}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map(([name]) => (
            <th key={name} role="columnheader" scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <tr key={rowKey(row)} role="row">
            {columns.map(([name, cell]) => (
              <td key={name} role="cell" data-label={name}>
                <div>{cell(row)}</div>
              </td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}
