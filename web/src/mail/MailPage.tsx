import { Button, Caption1, MessageBarActions, MessageBarBody, MessageBarTitle, Skeleton, SkeletonItem, Spinner } from "@fluentui/react-components";
import { MailRegular } from "@fluentui/react-icons";
import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useDeferredValue, useEffect, useMemo } from "react";
import { useNavigate, useParams, useSearchParams } from "react-router";
import { type Message, type MessageFilter, messagePages } from "../api/mail";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { Notice } from "../parts/Notice";
import { OVER, useClose } from "../parts/overlay";
import { Page } from "../parts/Page";
import { TextLink } from "../parts/TextLink";
import { VirtualTable } from "../parts/VirtualTable";
import { useMessageColumns } from "./columns";
import { filterOf, isFiltered } from "./filter";
import { Filters } from "./Filters";
import { StoryDrawer } from "./StoryDrawer";

/** Every message that was accepted and what became of it. Filter and open message stand in the address. */
export function MailPage() {
  const [search] = useSearchParams();
  const { message } = useParams();
  const filter = useDeferredValue(filterOf(search));
  const query = search.size > 0 ? `?${search.toString()}` : "";
  const close = useClose(`/mail${query}`);
  return (
    <Page title="Mail">
      <Filters />
      <Messages filter={filter} query={query} />
      {message && <StoryDrawer key={message} message={message} onClose={close} />}
    </Page>
  );
}

function Messages({ filter, query }: { filter: MessageFilter; query: string }) {
  const navigate = useNavigate();
  const pages = useInfiniteQuery({ ...messagePages(filter), placeholderData: keepPreviousData });
  const { data, error, refetch, hasNextPage, isFetchingNextPage, isFetchNextPageError, fetchNextPage } = pages;
  const loadMore = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [isFetchingNextPage, fetchNextPage]);
  const open = useCallback(({ id }: Message) => void navigate(`/mail/${id}${query}`, { state: OVER }), [navigate, query]);
  const columns = useMessageColumns(query);
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  // A search may look through many messages before it finds one.
  const searching = hasNextPage && items.length === 0 && !isFetchNextPageError;
  useEffect(() => {
    if (searching) loadMore();
  }, [searching, loadMore]);

  if (error && (!data || items.length === 0)) return <Failed error={error} retry={() => void refetch()} />;
  if (!data)
    return (
      <Skeleton aria-label="Loading messages">
        <SkeletonItem size={128} />
      </Skeleton>
    );
  if (searching) return <Spinner label="Looking through older messages…" />;
  if (items.length === 0) return <Nothing filtered={isFiltered(filter)} />;
  return (
    <>
      <Damaged rows={data.pages.flatMap(({ damaged }) => damaged)} />
      <Newer filter={filter} isOld={pages.isStale && !pages.isFetching && data.pages.length > 1} />
      <VirtualTable
        label="Messages"
        columns={columns}
        rows={items}
        rowKey={rowKey}
        hasMore={hasNextPage && !isFetchNextPageError}
        loadMore={loadMore}
        maxHeight="max(320px, calc(100vh - 250px))"
        estimatedRowHeight={57}
        onOpen={open}
      />
      {isFetchNextPageError && (
        <Notice intent="error">
          <MessageBarBody>
            <MessageBarTitle>Older messages could not be read.</MessageBarTitle>
          </MessageBarBody>
          <MessageBarActions>
            <Button onClick={() => void fetchNextPage()}>Try again</Button>
          </MessageBarActions>
        </Notice>
      )}
    </>
  );
}

const rowKey = ({ id }: Message) => id;

/** Whoever has read far keeps the list as it was read, and is told that it has gone on. */
function Newer({ filter, isOld }: { filter: MessageFilter; isOld: boolean }) {
  const queries = useQueryClient();
  if (!isOld) return null;
  return (
    <Notice intent="info">
      <MessageBarBody>Something has changed since this list was read.</MessageBarBody>
      <MessageBarActions>
        <Button onClick={() => void queries.resetQueries({ queryKey: messagePages(filter).queryKey })}>Show the newest</Button>
      </MessageBarActions>
    </Notice>
  );
}

function Damaged({ rows }: { rows: string[] }) {
  if (rows.length === 0) return null;
  return (
    <Notice intent="error">
      <MessageBarBody>
        <MessageBarTitle>Some could not be read.</MessageBarTitle> {rows.join("; ")}
      </MessageBarBody>
    </Notice>
  );
}

function Nothing({ filtered }: { filtered: boolean }) {
  if (filtered)
    return (
      <Empty icon={<MailRegular />} text="No message fits">
        <TextLink to="/mail">Show all messages</TextLink>
      </Empty>
    );
  return (
    <Empty icon={<MailRegular />} text="No mail yet">
      <Caption1>
        What devices and programs hand over shows up here by itself. <TextLink to="/submission">Set up a device</TextLink>
      </Caption1>
    </Empty>
  );
}
