/** The list's filter, as it stands in the page's address. */
import type { MessageFilter } from "../api/mail";

export type FilterName = keyof MessageFilter;

/** The dates are days in the browser's zone; the last one is meant whole. */
export function filterOf(search: URLSearchParams): MessageFilter {
  const text = (name: FilterName) => search.get(name)?.trim() || undefined;
  return {
    state: text("state"),
    account: text("account"),
    submitter: text("submitter"),
    q: text("q"),
    since: midnight(text("since"), 0),
    until: midnight(text("until"), 1),
  };
}

export function isFiltered(filter: MessageFilter): boolean {
  return Object.values(filter).some((value) => value !== undefined);
}

function midnight(day: string | undefined, days: number): string | undefined {
  const [year, month, date] = (day ?? "").split("-").map(Number);
  return year && month && date ? `${new Date(year, month - 1, date + days).toISOString().slice(0, 19)}Z` : undefined;
}
