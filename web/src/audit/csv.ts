/** The filtered log as a CSV file (RFC 4180), read page by page. */
import { type AuditFilter, type AuditItem, auditPage } from "../api/queries";

const COLUMNS: [string, (item: AuditItem) => string][] = [
  ["id", ({ id }) => String(id)],
  ["time", ({ at }) => at],
  ["actor", ({ actor }) => actor],
  ["source", ({ source }) => source],
  ["action", ({ action }) => action],
  ["target", ({ target }) => target],
  ["outcome", ({ outcome }) => outcome],
  ["code", ({ code }) => code ?? ""],
  ["detail", ({ detail }) => JSON.stringify(detail)],
];

/** Reads everything that fits the filter; tells how much it has as it goes. */
export async function exportCsv(filter: AuditFilter, tell: (count: number) => void, signal: AbortSignal): Promise<Blob> {
  const parts = [line(COLUMNS.map(([name]) => name))];
  let cursor: string | undefined;
  let count = 0;
  do {
    const page = await auditPage(filter, 500, cursor, signal);
    parts.push(page.items.map((item) => line(COLUMNS.map(([, value]) => value(item)))).join(""));
    count += page.items.length;
    tell(count);
    cursor = page.next ?? undefined;
  } while (cursor);
  return new Blob(parts, { type: "text/csv" });
}

function line(values: string[]): string {
  return `${values.map(cell).join(",")}\r\n`;
}

/** A spreadsheet runs what begins like a formula; names in the log are chosen by people. */
function cell(value: string): string {
  const harmless = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless;
}
