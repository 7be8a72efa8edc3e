/**
 * A table that stays quick with very many rows: only those in view are in the document, between two spacers, and
 * the next page is read when the end comes near. On a narrow screen each row becomes a card. Roles are written out
 * because a table's own get lost when its display is changed.
 */
import { makeStyles, mergeClasses, Spinner, tokens } from "@fluentui/react-components";
import { useVirtualizer } from "@tanstack/react-virtual";
import { memo, type MouseEvent, type ReactNode, type Ref, useCallback, useEffect, useRef } from "react";
import { NARROW } from "./styles";

export interface Column<T> {
  name: string;
  width: string;
  cell: (row: T) => ReactNode;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  rowKey: (row: T) => string | number;
  /** How many there are in all, where that is known. */
  total?: number;
  hasMore?: boolean;
  loadMore?: () => void;
  maxHeight?: string;
  estimatedRowHeight?: number;
  /** Below this it scrolls sideways, down to where each row becomes a card. */
  minWidth?: string;
  /** What a click anywhere in a row does, besides what the row's own link does: a row is easier to hit. */
  onOpen?: (row: T) => void;
}

const useStyles = makeStyles({
  scroller: {
    overflow: "auto",
    minHeight: "80px",
    border: `1px solid ${tokens.colorNeutralStroke2}`,
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: tokens.colorNeutralBackground1,
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}` },
  },
  table: { width: "100%", borderCollapse: "separate", borderSpacing: 0, tableLayout: "fixed", [NARROW]: { display: "block", minWidth: "0 !important" } },
  head: { [NARROW]: { position: "absolute", clipPath: "inset(50%)", width: "1px", height: "1px", overflow: "hidden" } },
  th: {
    position: "sticky",
    top: 0,
    zIndex: 1,
    boxSizing: "border-box",
    textAlign: "start",
    padding: "8px 12px",
    fontWeight: tokens.fontWeightSemibold,
    fontSize: tokens.fontSizeBase200,
    color: tokens.colorNeutralForeground2,
    backgroundColor: tokens.colorNeutralBackground1,
    borderBottom: `1px solid ${tokens.colorNeutralStroke1}`,
  },
  body: { [NARROW]: { display: "block" } },
  tr: {
    ":hover": { backgroundColor: tokens.colorSubtleBackgroundHover },
    "& .on-hover": { opacity: 0 },
    "&:hover .on-hover": { opacity: 1 },
    "&:focus-within .on-hover": { opacity: 1 },
    "@media (hover: none)": { "& .on-hover": { opacity: 1 } },
    [NARROW]: { display: "block", padding: "8px 0", borderBottom: `1px solid ${tokens.colorNeutralStroke1}`, "& .on-hover": { opacity: 1 } },
  },
  td: {
    padding: "8px 12px",
    verticalAlign: "top",
    overflowWrap: "anywhere",
    borderBottom: `1px solid ${tokens.colorNeutralStroke3}`,
    [NARROW]: {
      display: "grid",
      gridTemplateColumns: "88px minmax(0, 1fr)",
      gap: "8px",
      padding: "4px 12px",
      borderBottomStyle: "none",
      "::before": { content: "attr(data-label)", color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
    },
  },
  opens: { cursor: "pointer" },
  spacer: { [NARROW]: { display: "block" } },
  more: { padding: "12px" },
});

export function VirtualTable<T>({ label, columns, rows, rowKey, total, hasMore = false, loadMore, maxHeight = "60vh", estimatedRowHeight = 57, minWidth = "760px", onOpen }: Props<T>) {
  const styles = useStyles();
  const scroller = useRef<HTMLDivElement>(null);
  // The virtualizer measures all rows anew when this is another function: not with each step of the scrolling.
  const getItemKey = useCallback(
    (index: number) => {
      const row = rows[index];
      return row === undefined ? index : rowKey(row);
    },
    [rows, rowKey],
  );
  // eslint-disable-next-line react-hooks/incompatible-library -- its functions change under the same name; nothing here is memoized
  const virtual = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroller.current,
    estimateSize: () => estimatedRowHeight,
    getItemKey,
    overscan: 5,
    initialRect: { width: 1000, height: 600 },
  });
  const items = virtual.getVirtualItems();
  const first = items[0];
  const last = items.at(-1);
  const above = first?.start ?? 0;
  const below = virtual.getTotalSize() - (last?.end ?? 0);

  const nearEnd = (last?.index ?? 0) >= rows.length - 20;
  useEffect(() => {
    if (hasMore && nearEnd) loadMore?.();
  }, [hasMore, nearEnd, loadMore, rows.length]);

  return (
    <div ref={scroller} className={styles.scroller} style={{ maxHeight }} tabIndex={0} role="region" aria-label={`${label}, list`}>
      <table role="table" className={styles.table} style={{ minWidth }} aria-label={label} aria-rowcount={hasMore ? -1 : (total ?? rows.length) + 1}>
        <thead role="rowgroup" className={styles.head}>
          <tr role="row" aria-rowindex={1}>
            {columns.map(({ name, width }) => (
              <th key={name} role="columnheader" scope="col" className={styles.th} style={{ width }}>
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup" className={styles.body}>
          <Spacer height={above} className={styles.spacer} />
          {items.map(({ index, key }) => {
            const row = rows[index];
            return row === undefined ? null : (
              <TableRow key={key} row={row} index={index} columns={columns as Column<unknown>[]} measure={virtual.measureElement} onOpen={onOpen as ((row: unknown) => void) | undefined} />
            );
          })}
          <Spacer height={below} className={styles.spacer} />
        </tbody>
      </table>
      {hasMore && <Spinner className={mergeClasses(styles.more)} size="tiny" label="Reading more" />}
    </div>
  );
}

interface RowProps {
  row: unknown;
  index: number;
  columns: Column<unknown>[];
  measure: Ref<HTMLTableRowElement>;
  onOpen: ((row: unknown) => void) | undefined;
}

/** Scrolling draws the table many times a second, and a row that is in view already not once more. */
const TableRow = memo(function TableRow({ row, index, columns, measure, onOpen }: RowProps) {
  const styles = useStyles();
  const open = (event: MouseEvent<HTMLElement>) => {
    const marked = window.getSelection()?.isCollapsed === false;
    if (!marked && !(event.target as Element).closest("a, button, input")) onOpen?.(row);
  };
  return (
    <tr role="row" aria-rowindex={index + 2} data-index={index} ref={measure} className={mergeClasses(styles.tr, onOpen && styles.opens)} onClick={onOpen && open}>
      {columns.map((column) => (
        <td key={column.name} role="cell" className={styles.td} data-label={column.name}>
          <div>{column.cell(row)}</div>
        </td>
      ))}
    </tr>
  );
});

function Spacer({ height, className }: { height: number; className: string }) {
  return height > 0 ? <tr aria-hidden="true" className={className} style={{ height }} /> : null;
}
