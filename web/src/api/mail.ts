/** What the pages about mail read and do, each under the name by which the server's events call it. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { answer, api, type Schemas } from "./client";

export type Message = Schemas["Message"];
export type Story = Schemas["MessageStory"];
export type Attempt = Schemas["MessageAttempt"];
export type Queue = Schemas["Queue"];
export type Counts = Schemas["QueueCounts"];
export type AccountQueue = Schemas["AccountQueue"];
export type History = Schemas["QueueHistory"];
export type Step = Schemas["QueueStep"];
export type Listener = Schemas["Listener"];
export type Refused = Schemas["DoorRefusal"];
export type Submitter = Schemas["Submitter"];
export type MadeSubmitter = Schemas["MadeSubmitter"];
export type Advice = Schemas["Advice"];

const PAGE = 100;

export interface MessageFilter {
  /** States, separated by commas. */
  state?: string;
  account?: string;
  submitter?: string;
  q?: string;
  since?: string;
  until?: string;
}

/** The messages that fit, newest first. A page may be empty and still have a next one: a search looks at so many and goes on. */
export function messagePages(filter: MessageFilter) {
  return infiniteQueryOptions({
    queryKey: ["messages", "pages", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => answer(api.GET("/messages", { params: { query: { ...filter, limit: PAGE, cursor: pageParam } }, signal })),
    getNextPageParam: (page) => page.next ?? undefined,
    // The server tells what changed; what is older than that is not out of date.
    staleTime: Infinity,
  });
}

/** The newest message, of one submitter or of all; null where there is none. */
export function newestMessage(submitter: string | undefined) {
  return queryOptions({
    queryKey: ["messages", "newest", submitter],
    queryFn: async ({ signal }) => (await answer(api.GET("/messages", { params: { query: { submitter, limit: 1 } }, signal }))).items[0] ?? null,
  });
}

export function messageStory(message: string) {
  return queryOptions({
    queryKey: ["messages", "story", message],
    queryFn: ({ signal }) => answer(api.GET("/messages/{message}", { params: { path: { message } }, signal })),
  });
}

export type Deed = "retry" | "hold" | "release" | "cancel";

export function act(deed: Deed, message: string): Promise<Story> {
  const params = { path: { message } };
  switch (deed) {
    case "retry":
      return answer(api.POST("/messages/{message}/retry", { params }));
    case "hold":
      return answer(api.POST("/messages/{message}/hold", { params }));
    case "release":
      return answer(api.POST("/messages/{message}/release", { params }));
    case "cancel":
      return answer(api.POST("/messages/{message}/cancel", { params }));
  }
}

/** Hands a small message over, as any program does. */
export const handOver = (to: string, from: string | undefined) =>
  answer(api.POST("/messages", { body: { to: [to], from, subject: "Postern: a message to watch", text: "Somebody pressed Send now on the page Submission of Postern.\r\n" } }));

export const queueNow = queryOptions({
  queryKey: ["queue", "now"],
  queryFn: ({ signal }) => answer(api.GET("/queue", { signal })),
});

/** What the chart can show: how far back, in how long steps. */
export const RANGES = { day: { hours: 24, minutes: 60 }, week: { hours: 7 * 24, minutes: 360 }, month: { hours: 30 * 24, minutes: 1440 } } as const;
export type Range = keyof typeof RANGES;

export function history(range: Range) {
  return queryOptions({
    queryKey: ["queue", "history", range],
    queryFn: ({ signal }) => {
      const { minutes } = RANGES[range];
      return answer(api.GET("/queue/history", { params: { query: { since: `${beginningOf(range, new Date()).toISOString().slice(0, 19)}Z`, step_minutes: minutes } }, signal }));
    },
  });
}

/** Full hours of the last day, or full days, as the browser's clock has them. */
export function beginningOf(range: Range, now: Date): Date {
  if (range === "day") return new Date(now.getFullYear(), now.getMonth(), now.getDate(), now.getHours() - 23);
  return new Date(now.getFullYear(), now.getMonth(), now.getDate() - RANGES[range].hours / 24 + 1);
}

export const listeners = queryOptions({
  queryKey: ["listeners", "open"],
  queryFn: async ({ signal }) => (await answer(api.GET("/listeners", { signal }))).items,
});

export const refusals = queryOptions({
  queryKey: ["listeners", "refusals"],
  queryFn: async ({ signal }) => (await answer(api.GET("/listeners/refusals", { signal }))).items,
});

/** The submitters that contain `filter`, page by page. */
export function submitterPages(filter: string) {
  return infiniteQueryOptions({
    queryKey: ["submitters", "pages", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET("/submitters", { params: { query: { limit: PAGE, cursor: pageParam, filter: filter || undefined } }, signal })),
    getNextPageParam: (page) => page.next ?? undefined,
  });
}

/** All submitters, for choosing one. */
export const allSubmitters = queryOptions({
  queryKey: ["submitters", "all"],
  queryFn: async ({ signal }) => {
    const items: Submitter[] = [];
    let cursor: string | undefined;
    do {
      const page = await answer(api.GET("/submitters", { params: { query: { limit: 500, cursor } }, signal }));
      items.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor);
    return items;
  },
});

export const addSubmitter = (body: Schemas["NewSubmitter"]) => answer(api.POST("/submitters", { body }));
export const editSubmitter = (submitter: string, body: Schemas["SubmitterChange"]) =>
  answer(api.PATCH("/submitters/{submitter}", { params: { path: { submitter } }, body }));
export const removeSubmitter = (submitter: string) => answer(api.DELETE("/submitters/{submitter}", { params: { path: { submitter } } }));
export const resetPassword = (submitter: string, password: string | undefined) =>
  answer(api.POST("/submitters/{submitter}/password", { params: { path: { submitter } }, body: { password } }));
export const resetToken = (submitter: string) => answer(api.POST("/submitters/{submitter}/token", { params: { path: { submitter } } }));

/** What Microsoft's words mean and what to do; null where nobody knows. */
export function advice(text: string, account: string | undefined) {
  return queryOptions({
    queryKey: ["explain", text, account],
    queryFn: async ({ signal }) => {
      const { items } = await answer(api.POST("/explain", { body: { text, account }, signal }));
      return items.find(({ known }) => known) ?? null;
    },
    staleTime: Infinity,
  });
}
