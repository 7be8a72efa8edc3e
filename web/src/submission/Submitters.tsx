import { Button, Caption1, Input, makeStyles, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger, MessageBarBody, MessageBarTitle, Skeleton, SkeletonItem, Tooltip, useRestoreFocusTarget } from "@fluentui/react-components";
import { AddRegular, EditRegular, MoreHorizontalRegular, PlugConnectedRegular, PrintRegular, SearchRegular } from "@fluentui/react-icons";
import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useDeferredValue, useMemo, useState } from "react";
import { type MadeSubmitter, type Submitter, submitterPages } from "../api/mail";
import { useTell } from "../app/toasts";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { Notice } from "../parts/Notice";
import { Section } from "../parts/Page";
import { useFrame } from "../parts/styles";
import { type Column, VirtualTable } from "../parts/VirtualTable";
import { When } from "../parts/When";
import { useMay } from "../session/session";
import { DeviceDialog } from "./DeviceDialog";
import { RemoveDialog, ResetPasswordDialog, ResetTokenDialog } from "./SecretDialogs";
import { SubmitterDialog } from "./SubmitterDialog";
import { knownBy, sendersOf } from "./words";

type Action = "edit" | "device" | "password" | "token" | "remove";
type OnAction = (action: Action, submitter: Submitter) => void;
type Open = { kind: "add" } | { kind: Action; submitter: Submitter } | { kind: "made"; made: MadeSubmitter } | null;

/** Devices and programs that may hand mail over. */
export function Submitters() {
  const frame = useFrame();
  const tell = useTell();
  const queries = useQueryClient();
  const restore = useRestoreFocusTarget();
  const mayChange = useMay("administrator");
  const [filter, setFilter] = useState("");
  const [open, setOpen] = useState<Open>(null);
  const act = useCallback<OnAction>((kind, submitter) => setOpen({ kind, submitter }), []);
  const close = () => setOpen(null);
  const done = (text: string) => {
    close();
    tell(text);
    void queries.invalidateQueries({ queryKey: ["submitters"] });
  };
  /** What was made is shown this once. */
  const made = (submitter: MadeSubmitter, text: string) => {
    done(text);
    if (submitter.password || submitter.token) setOpen({ kind: "made", made: submitter });
  };
  return (
    <Section
      title="Submitters"
      actions={
        <div className={frame.row}>
          <Input aria-label="Filter" placeholder="Filter" type="search" contentBefore={<SearchRegular />} value={filter} onChange={(_, { value }) => setFilter(value)} />
          {mayChange && (
            <Button appearance="primary" icon={<AddRegular />} {...restore} onClick={() => setOpen({ kind: "add" })}>
              Add submitter
            </Button>
          )}
        </div>
      }
    >
      <List filter={filter} onAction={act} />
      {open?.kind === "add" && <SubmitterDialog onClose={close} onSaved={(saved) => made(saved, `${saved.name} was added`)} />}
      {open?.kind === "edit" && <SubmitterDialog submitter={open.submitter} onClose={close} onSaved={(saved) => made(saved, "Saved")} />}
      {open?.kind === "device" && <DeviceDialog title="Set Up Device" submitter={open.submitter} onClose={close} />}
      {open?.kind === "password" && <ResetPasswordDialog submitter={open.submitter} onClose={close} onDone={(saved) => made(saved, "The password was reset")} />}
      {open?.kind === "token" && <ResetTokenDialog submitter={open.submitter} onClose={close} onDone={(saved) => made(saved, "A new token was made")} />}
      {open?.kind === "remove" && <RemoveDialog submitter={open.submitter} onClose={close} onDone={() => done(`${open.submitter.name} was removed`)} />}
      {open?.kind === "made" && <DeviceDialog title="Type This into the Device" submitter={open.made} onClose={close} />}
    </Section>
  );
}

function List({ filter, onAction }: { filter: string; onAction: OnAction }) {
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = useInfiniteQuery({
    ...submitterPages(useDeferredValue(filter.trim())),
    placeholderData: keepPreviousData,
  });
  const loadMore = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [isFetchingNextPage, fetchNextPage]);
  // The rows' menus open in here, so that they lie in the same landmark as their buttons.
  const [place, setPlace] = useState<HTMLDivElement | null>(null);
  const frame = useFrame();
  const columns = useMemo(() => columnsOf(frame, place, onAction), [frame, place, onAction]);
  const items = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);
  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data)
    return (
      <Skeleton aria-label="Loading submitters">
        <SkeletonItem size={96} />
      </Skeleton>
    );
  const damaged = data.pages.flatMap((page) => page.damaged);
  return (
    <div ref={setPlace}>
      {damaged.length > 0 && (
        <Notice intent="error">
          <MessageBarBody>
            <MessageBarTitle>Some could not be read.</MessageBarTitle> {damaged.join("; ")}
          </MessageBarBody>
        </Notice>
      )}
      {items.length > 0 ? (
        <VirtualTable label="Submitters" columns={columns} rows={items} rowKey={rowKey} hasMore={hasNextPage} loadMore={loadMore} maxHeight="max(260px, 50vh)" estimatedRowHeight={57} />
      ) : (
        <Empty
          icon={<PrintRegular />}
          text={filter.trim() ? `No submitter contains “${filter.trim()}”` : "No submitters yet: add one for each device or program that sends mail"}
        />
      )}
    </div>
  );
}

const rowKey = ({ id }: Submitter) => id;

function columnsOf(frame: ReturnType<typeof useFrame>, place: HTMLElement | null, onAction: OnAction): Column<Submitter>[] {
  return [
    {
      name: "Name",
      width: "22%",
      cell: ({ name, description, enabled }) => (
        <>
          <strong>{name}</strong>
          {!enabled && <span className={frame.quiet}> (disabled)</span>}
          {description && (
            <Caption1 block className={frame.quiet}>
              {description}
            </Caption1>
          )}
        </>
      ),
    },
    {
      name: "Known by",
      width: "20%",
      cell: (submitter) => knownBy(submitter).join(", ") || <span className={frame.quiet}>nothing: it can't hand anything over</span>,
    },
    {
      name: "May send as",
      width: "22%",
      cell: (submitter) => (
        <>
          {sendersOf(submitter)}
          <Caption1 block className={frame.quiet}>
            {submitter.foreign_from === "rewrite" ? "any other From is rewritten" : "any other From is refused"}
          </Caption1>
        </>
      ),
    },
    {
      name: "Account",
      width: "15%",
      cell: ({ account, rate_per_minute: rate }) => (
        <>
          {account ? account.name : <span className={frame.quiet}>the one that fits</span>}
          {rate && (
            <Caption1 block className={frame.quiet}>
              {rate} a minute at most
            </Caption1>
          )}
        </>
      ),
    },
    { name: "Last used", width: "112px", cell: ({ last_used: at }) => (at ? <When at={at} /> : <span className={frame.quiet}>never</span>) },
    { name: "Actions", width: "124px", cell: (submitter) => <Actions submitter={submitter} place={place} onAction={onAction} /> },
  ];
}

const useStyles = makeStyles({ actions: { display: "flex", gap: "2px", marginLeft: "-6px" } });

function Actions({ submitter, place, onAction }: { submitter: Submitter; place: HTMLElement | null; onAction: OnAction }) {
  const styles = useStyles();
  const mayChange = useMay("administrator");
  const restore = useRestoreFocusTarget();
  const item = (action: Action, words: string) => <MenuItem onClick={() => onAction(action, submitter)}>{words}</MenuItem>;
  return (
    <div className={styles.actions}>
      <Tooltip content="Set up device" relationship="label">
        <Button size="small" appearance="subtle" icon={<PlugConnectedRegular />} {...restore} onClick={() => onAction("device", submitter)} />
      </Tooltip>
      {mayChange && (
        <>
          <Tooltip content="Edit" relationship="label">
            <Button size="small" appearance="subtle" icon={<EditRegular />} {...restore} onClick={() => onAction("edit", submitter)} />
          </Tooltip>
          <Menu mountNode={place}>
            <MenuTrigger disableButtonEnhancement>
              <Tooltip content="More" relationship="label">
                <Button size="small" appearance="subtle" icon={<MoreHorizontalRegular />} {...restore} />
              </Tooltip>
            </MenuTrigger>
            <MenuPopover>
              <MenuList>
                {item("password", submitter.has_password ? "Reset password…" : "Give it a password…")}
                {item("token", submitter.has_token ? "Reset API token…" : "Give it an API token…")}
                <MenuDivider />
                {item("remove", "Remove…")}
              </MenuList>
            </MenuPopover>
          </Menu>
        </>
      )}
    </div>
  );
}
