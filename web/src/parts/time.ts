/** Times for a person: relative in the text, exact (here and in UTC) on hover. */

const DAY = 86_400;
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [
  ["year", 365 * DAY],
  ["month", 30 * DAY],
  ["day", DAY],
  ["hour", 3600],
  ["minute", 60],
];
const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" });
const exact = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "medium" });
const dayOnly = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

export function ago(at: string, now = Date.now()): string {
  const seconds = Math.round((Date.parse(at) - now) / 1000);
  const step = STEPS.find(([, size]) => Math.abs(seconds) >= size);
  return step ? relative.format(Math.trunc(seconds / step[1]), step[0]) : "just now";
}

/** In the browser's zone, and in UTC. */
export function exactly(at: string): string {
  const time = new Date(at);
  return `${exact.format(time)} (${time.toISOString().slice(0, 19).replace("T", " ")} UTC)`;
}

export function local(at: string): string {
  return exact.format(new Date(at));
}

export function day(at: string): string {
  return dayOnly.format(new Date(at));
}

export function daysUntil(at: string, now = Date.now()): number {
  return Math.floor((Date.parse(at) - now) / (DAY * 1000));
}

export function inDays(days: number): string {
  if (days < 0) return days === -1 ? "1 day ago" : `${-days} days ago`;
  if (days === 0) return "today";
  return days === 1 ? "1 day left" : `${days} days left`;
}
