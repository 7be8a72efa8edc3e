/** What pages read, each under the name by which the server's events call it. */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { answer, api, type Schemas } from "./client";

export type Certificate = Schemas["Certificate"];
export type Account = Schemas["Account"];
export type Authorization = Schemas["Authorization"];
export type Report = Schemas["Report"];
export type Stage = Schemas["Stage"];
export type AuditItem = Schemas["AuditItem"];
export type Cloud = Schemas["Cloud"];

const PAGE = 100;

/** The certificates that contain `filter`, page by page. */
export function certificatePages(filter: string) {
  return infiniteQueryOptions({
    queryKey: ["certificates", "pages", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) =>
      answer(api.GET("/certificates", { params: { query: { limit: PAGE, cursor: pageParam, filter: filter || undefined } }, signal })),
    getNextPageParam: (page) => page.next ?? undefined,
  });
}

/** All certificates, for choosing one. */
export const allCertificates = queryOptions({
  queryKey: ["certificates", "all"],
  queryFn: async ({ signal }) => {
    const items: Certificate[] = [];
    let cursor: string | undefined;
    do {
      const page = await answer(api.GET("/certificates", { params: { query: { limit: 500, cursor } }, signal }));
      items.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor);
    return items;
  },
});

export const allAccounts = queryOptions({
  queryKey: ["accounts", "all"],
  queryFn: async ({ signal }) => {
    const items: Account[] = [];
    let cursor: string | undefined;
    do {
      const page = await answer(api.GET("/accounts", { params: { query: { limit: 500, cursor } }, signal }));
      items.push(...page.items);
      cursor = page.next ?? undefined;
    } while (cursor);
    return items;
  },
});

export const serverStatus = queryOptions({
  queryKey: ["status"],
  queryFn: ({ signal }) => answer(api.GET("/status", { signal })),
  staleTime: 60_000,
});

export const clouds = queryOptions({
  queryKey: ["clouds"],
  queryFn: async ({ signal }) => (await answer(api.GET("/clouds", { signal }))).items,
  staleTime: Infinity,
});

export interface AuditFilter {
  actor?: string;
  action?: string;
  target?: string;
  since?: string;
  until?: string;
}

/** One page of the audit log, newest first. */
export function auditPage(filter: AuditFilter, limit: number, cursor: string | undefined, signal?: AbortSignal) {
  return answer(api.GET("/audit", { params: { query: { ...filter, limit, cursor } }, signal }));
}

export function auditPages(filter: AuditFilter) {
  return infiniteQueryOptions({
    queryKey: ["audit", "pages", filter],
    initialPageParam: undefined as string | undefined,
    queryFn: ({ pageParam, signal }) => auditPage(filter, PAGE, pageParam, signal),
    getNextPageParam: (page) => page.next ?? undefined,
  });
}

export const latestAudit = queryOptions({
  queryKey: ["audit", "latest"],
  queryFn: async ({ signal }) => (await auditPage({}, 8, undefined, signal)).items,
});

export const apiTokens = queryOptions({
  queryKey: ["tokens"],
  queryFn: async ({ signal }) => (await answer(api.GET("/tokens", { params: { query: { limit: 500 } }, signal }))).items,
});
