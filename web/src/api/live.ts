/**
 * What changes on the server, as it happens. An event names what changed; the queries under that name are read anew.
 * While the connection is down the page says so, and afterwards everything is read anew.
 *
 * Mail may come by the thousand: what changed is collected, read anew together, and again only when that has been
 * answered and a second is over. So the console asks no more than it and the server can bear.
 */
import { type Query, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 5_000;
const CALM_MS = 1_000;
const MOST_PAGES_READ_ANEW = 5;

/** What else tells of a thing, by the names of the queries: a certificate says which accounts use it. */
const ALSO: Record<string, string[]> = {
  accounts: ["certificates", "queue", "submitters"],
  messages: ["queue"],
};

/** Listens as long as the component lives. Gives whether the server can be reached. */
export function useLiveUpdates(): boolean {
  const queries = useQueryClient();
  const [connected, setConnected] = useState(true);
  useEffect(() => listen(queries, setConnected), [queries]);
  return connected;
}

function listen(queries: QueryClient, tell: (connected: boolean) => void): () => void {
  let source: EventSource | undefined;
  let timer: number | undefined;
  let retryMs = FIRST_RETRY_MS;
  let wasDown = false;
  const hear = calmly((changes) => readAnew(queries, changes));

  const open = () => {
    source = new EventSource("/api/v1/events");
    source.onopen = () => {
      retryMs = FIRST_RETRY_MS;
      tell(true);
      if (wasDown) void queries.invalidateQueries();
      wasDown = false;
    };
    source.onerror = () => {
      source?.close();
      wasDown = true;
      void stillUp().then(tell);
      timer = window.setTimeout(open, retryMs);
      retryMs = Math.min(retryMs * 2, LONGEST_RETRY_MS);
    };
    source.addEventListener("missed", () => hear({ what: EVERYTHING, id: "" }));
    source.addEventListener("change", (event) => hear(JSON.parse(event.data as string) as Change));
  };
  open();
  return () => {
    source?.close();
    window.clearTimeout(timer);
  };
}

interface Change {
  what: string;
  id: string;
}

const EVERYTHING = "everything";

/** Collects what it hears, and works on it at once or, while it works or rests, together. */
function calmly(work: (changes: Change[]) => Promise<unknown>): (change: Change) => void {
  let heard = new Map<string, Change>();
  let busy = false;
  const run = async () => {
    busy = true;
    while (heard.size > 0) {
      const changes = [...heard.values()];
      heard = new Map();
      await Promise.allSettled([work(changes), new Promise((resolve) => window.setTimeout(resolve, CALM_MS))]);
    }
    busy = false;
  };
  return (change) => {
    heard.set(`${change.what} ${change.id}`, change);
    if (!busy) void run();
  };
}

function readAnew(queries: QueryClient, changes: Change[]): Promise<unknown> {
  if (changes.some(({ what }) => what === EVERYTHING)) return queries.invalidateQueries();
  const names = new Set(changes.flatMap(({ what }) => [what, ...(ALSO[what] ?? [])]));
  const messages = new Set(changes.filter(({ what }) => what === "messages").map(({ id }) => id));
  // Everything that a person changes leaves an entry there; mail that comes and goes by itself doesn't.
  if (changes.some(({ what }) => what !== "messages" && what !== "listeners")) names.add("audit");
  const asked = [...names].map((name) => {
    switch (name) {
      case "messages":
        return readMail(queries, messages);
      case "audit":
        return queries.invalidateQueries({ queryKey: [name], predicate: isShort });
      default:
        return queries.invalidateQueries({ queryKey: [name] });
    }
  });
  return Promise.all(asked);
}

/** A long list is only marked as old: its page offers to read it anew. Another message's story has not changed. */
function readMail(queries: QueryClient, messages: Set<string>): Promise<unknown> {
  const concerns = ({ queryKey: [, kind, id] }: Query) => kind !== "story" || messages.has(String(id));
  return Promise.all([
    queries.invalidateQueries({ queryKey: ["messages"], predicate: (query) => isShort(query) && concerns(query) }),
    queries.invalidateQueries({ queryKey: ["messages"], predicate: (query) => !isShort(query), refetchType: "none" }),
  ]);
}

/** Whoever has scrolled far is not interrupted: reading all those pages anew for one new entry would take a while. */
function isShort({ state }: Query): boolean {
  const { pages } = (state.data ?? {}) as { pages?: unknown[] };
  return (pages?.length ?? 0) <= MOST_PAGES_READ_ANEW;
}

/** An event stream also breaks when the session ends; only a server that doesn't answer is down. */
async function stillUp(): Promise<boolean> {
  return fetch("/healthz", { cache: "no-store" }).then(
    (response) => response.ok,
    () => false,
  );
}
