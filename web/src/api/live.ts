/**
 * What changes on the server, as it happens. An event names what changed; the queries under that name are read anew.
 * While the connection is down the page says so, and afterwards everything is read anew.
 */
import { type Query, type QueryClient, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";

const FIRST_RETRY_MS = 1_000;
const LONGEST_RETRY_MS = 5_000;
const MOST_PAGES_READ_ANEW = 5;

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
    source.addEventListener("missed", () => void queries.invalidateQueries());
    source.addEventListener("change", (event) => {
      const { what } = JSON.parse(event.data as string) as { what: string };
      void queries.invalidateQueries({ queryKey: [what] });
      // A certificate tells which accounts use it.
      if (what === "accounts") void queries.invalidateQueries({ queryKey: ["certificates"] });
      // Everything that changes anything leaves an entry there.
      void queries.invalidateQueries({ queryKey: ["audit"], predicate: isShort });
    });
  };
  open();
  return () => {
    source?.close();
    window.clearTimeout(timer);
  };
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
