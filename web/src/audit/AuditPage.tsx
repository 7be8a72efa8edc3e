import { Badge, Button, Caption1, Field, Input, makeStyles, mergeClasses, Select, Skeleton, SkeletonItem } from "@fluentui/react-components";
import { ArrowDownloadRegular, ClipboardTaskListLtrRegular } from "@fluentui/react-icons";
import { keepPreviousData, useInfiniteQuery, useMutation } from "@tanstack/react-query";
import { useCallback, useDeferredValue, useMemo, useRef, useState } from "react";
import { useSearchParams } from "react-router";
import { type AuditFilter, type AuditItem, auditPages } from "../api/queries";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { Page } from "../parts/Page";
import { Refusal } from "../parts/Refusal";
import { useFrame } from "../parts/styles";
import { exactly, local } from "../parts/time";
import { type Column, VirtualTable } from "../parts/VirtualTable";
import { exportCsv } from "./csv";
import { ACTIONS } from "./words";

const useStyles = makeStyles({
  filters: { display: "grid", gridTemplateColumns: "repeat(auto-fit, minmax(150px, 1fr))", gap: "12px", alignItems: "end" },
});

/** Who did what, when, from where. The filter stands in the address. */
export function AuditPage() {
  const styles = useStyles();
  const [search, setSearch] = useSearchParams();
  const filter = useDeferredValue(filterOf(search));
  const set = (name: string, value: string) => {
    const next = new URLSearchParams(search);
    if (value) next.set(name, value);
    else next.delete(name);
    setSearch(next, { replace: true });
  };
  const text = (label: string, name: string, hint: string, type: "text" | "date" = "text") => (
    <Field label={label}>
      <Input type={type} placeholder={hint} value={search.get(name) ?? ""} onChange={(_, { value }) => set(name, value)} />
    </Field>
  );
  return (
    <Page title="Audit" actions={<Export filter={filter} />}>
      <div className={styles.filters} role="search" aria-label="Filter the log">
        <Field label="Action">
          <Select value={search.get("action") ?? ""} onChange={(_, { value }) => set("action", value)}>
            <option value="">All</option>
            {Object.entries(ACTIONS).map(([action, words]) => (
              <option key={action} value={action}>
                {words}
              </option>
            ))}
          </Select>
        </Field>
        {text("Actor", "actor", "user:anna")}
        {text("Target", "target", "Whole name")}
        {text("From", "since", "", "date")}
        {text("To", "until", "", "date")}
      </div>
      <Log filter={filter} />
    </Page>
  );
}

/** The dates are days in the browser's zone; the last one is meant whole. */
function filterOf(search: URLSearchParams): AuditFilter {
  const text = (name: string) => search.get(name)?.trim() || undefined;
  const midnight = (name: string, days: number) => {
    const [year, month, date] = (text(name) ?? "").split("-").map(Number);
    return year && month && date ? `${new Date(year, month - 1, date + days).toISOString().slice(0, 19)}Z` : undefined;
  };
  return { action: text("action"), actor: text("actor"), target: text("target"), since: midnight("since", 0), until: midnight("until", 1) };
}

function Log({ filter }: { filter: AuditFilter }) {
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useInfiniteQuery({ ...auditPages(filter), placeholderData: keepPreviousData });
  const loadMore = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [isFetchingNextPage, fetchNextPage]);
  const columns = useColumns();
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);

  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data)
    return (
      <Skeleton aria-label="Loading the log">
        <SkeletonItem size={128} />
      </Skeleton>
    );
  if (items.length === 0) return <Empty icon={<ClipboardTaskListLtrRegular />} text="No entry fits" />;
  return (
    <VirtualTable
      label="Audit log"
      columns={columns}
      rows={items}
      rowKey={rowKey}
      hasMore={hasNextPage}
      loadMore={loadMore}
      maxHeight="max(320px, calc(100vh - 250px))"
      estimatedRowHeight={41}
    />
  );
}

/** The same ones each time: with others, all rows in view are drawn anew when a page arrives. */
function useColumns(): Column<AuditItem>[] {
  const frame = useFrame();
  return useMemo(() => columnsOf(frame), [frame]);
}

const rowKey = ({ id }: AuditItem) => id;

function columnsOf(frame: ReturnType<typeof useFrame>): Column<AuditItem>[] {
  return [
    {
      name: "Time",
      width: "180px",
      cell: ({ at }) => (
        <time dateTime={at} title={exactly(at)} className={frame.number}>
          {local(at)}
        </time>
      ),
    },
    { name: "Actor", width: "13%", cell: ({ actor }) => actor },
    { name: "Source", width: "120px", cell: ({ source }) => source },
    { name: "Action", width: "17%", cell: ({ action }) => <span title={action}>{ACTIONS[action] ?? action}</span> },
    { name: "Target", width: "15%", cell: ({ target }) => target },
    {
      name: "Outcome",
      width: "32%",
      cell: ({ outcome, code, detail }) => (
        <>
          <Badge appearance="tint" color={outcome === "refused" ? "danger" : "success"}>
            {outcome === "refused" ? "Refused" : "Done"}
          </Badge>{" "}
          {code && <code className={frame.mono}>{code}</code>}
          <Caption1 block className={mergeClasses(frame.quiet, frame.wrap)}>
            {detailText(detail)}
          </Caption1>
        </>
      ),
    },
  ];
}

function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}

function detailText(detail: unknown): string {
  if (typeof detail !== "object" || detail === null) return "";
  return Object.entries(detail)
    .filter(([, value]) => value !== null && value !== "")
    .map(([name, value]) => `${name.replaceAll("_", " ")}: ${typeof value === "object" ? JSON.stringify(value) : String(value)}`)
    .join(", ");
}

function Export({ filter }: { filter: AuditFilter }) {
  const frame = useFrame();
  const [count, setCount] = useState(0);
  const abort = useRef<AbortController>(undefined);
  const run = useMutation({
    mutationFn: async () => {
      const control = new AbortController();
      abort.current = control;
      setCount(0);
      return exportCsv(filter, setCount, control.signal);
    },
    onSuccess: (file) => {
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file);
      link.download = `postern-audit-${new Date().toISOString().slice(0, 10)}.csv`;
      link.click();
      window.setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
    },
  });
  return (
    <div className={frame.row}>
      {run.isPending && (
        <>
          <Caption1 className={frame.number}>{count} entries read</Caption1>
          <Button size="small" onClick={() => abort.current?.abort()}>
            Stop
          </Button>
        </>
      )}
      {run.error && !isAbort(run.error) && <Refusal error={run.error} />}
      <Button icon={<ArrowDownloadRegular />} disabledFocusable={run.isPending} onClick={() => run.mutate()}>
        Export CSV
      </Button>
    </div>
  );
}
