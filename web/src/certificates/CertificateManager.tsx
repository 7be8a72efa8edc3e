/** The list of certificates with all that can be done to them, as the dialog and the page both show it. */
import { Button, Input, makeStyles, mergeClasses, MessageBarActions, MessageBarBody, MessageBarTitle, Skeleton, SkeletonItem, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { ArrowUploadRegular, CertificateRegular, DismissRegular, SearchRegular, SparkleRegular } from "@fluentui/react-icons";
import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useDeferredValue, useMemo, useRef, useState } from "react";
import { type Certificate, certificatePages } from "../api/queries";
import { useTell } from "../app/toasts";
import { Copyable } from "../parts/Copy";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { useDropAnywhere } from "../parts/FileField";
import { Notice } from "../parts/Notice";
import { useFrame } from "../parts/styles";
import { useMay } from "../session/session";
import { CertificateTable, type RowAction } from "./CertificateTable";
import { DeleteDialog } from "./DeleteDialog";
import { EditDialog } from "./EditDialog";
import { ExportDialog } from "./ExportDialog";
import { GenerateDialog } from "./GenerateDialog";
import { ImportDialog } from "./ImportDialog";
import { ReplaceDialog } from "./ReplaceDialog";
import { download } from "./requests";

type Open = { kind: "import"; file?: File } | { kind: "generate" } | { kind: RowAction; certificate: Certificate } | null;

const useStyles = makeStyles({
  root: { minHeight: 0, maxHeight: "100%" },
  over: { outline: `1px dashed ${tokens.colorCompoundBrandStroke}`, outlineOffset: "4px", borderRadius: tokens.borderRadiusMedium },
});

interface Props {
  /** Tells of a certificate that was imported or generated here. */
  onAdded?: (certificate: Certificate) => void;
}

/** As tall as its place at most: then the list scrolls, and the buttons stay in view. */
export function CertificateManager({ onAdded }: Props) {
  const frame = useFrame();
  const styles = useStyles();
  const tell = useTell();
  const queries = useQueryClient();
  const mayChange = useMay("administrator");
  const restore = useRestoreFocusTarget();
  const [open, setOpen] = useState<Open>(null);
  const [generated, setGenerated] = useState<Certificate | null>(null);
  const [warned, setWarned] = useState<{ certificate: Certificate; what: string } | null>(null);
  const [filter, setFilter] = useState("");

  const done = (text: string) => {
    setOpen(null);
    void queries.invalidateQueries({ queryKey: ["certificates"] });
    if (text) tell(text);
  };
  const added = (certificate: Certificate, text: string) => {
    done(text);
    onAdded?.(certificate);
  };
  // What is to be minded remains to be read.
  const taken = (certificate: Certificate, what: string) => {
    setWarned(certificate.warnings.length > 0 ? { certificate, what } : null);
    return certificate.warnings.length > 0 ? "" : `${certificate.name} was ${what}`;
  };
  const act = useCallback((kind: RowAction, certificate: Certificate) => setOpen({ kind, certificate }), []);
  const close = () => setOpen(null);
  const importButton = useRef<HTMLButtonElement>(null);
  const takeDropped = (file: File) => {
    // As if it had been pressed: there the focus comes back. Were it nowhere, the dialog would stay hidden from screen readers.
    importButton.current?.focus();
    setOpen({ kind: "import", file });
  };
  // A dialog over this one takes files itself, or none.
  const over = useDropAnywhere(takeDropped, !mayChange || open !== null);

  return (
    <div className={mergeClasses(frame.form, styles.root, over && styles.over)}>
      <div className={frame.between}>
        <div className={frame.row}>
          {mayChange && (
            <>
              <Button ref={importButton} icon={<ArrowUploadRegular />} {...restore} onClick={() => setOpen({ kind: "import" })}>
                Import Certificate
              </Button>
              <Button icon={<SparkleRegular />} {...restore} onClick={() => setOpen({ kind: "generate" })}>
                Generate Certificate
              </Button>
            </>
          )}
        </div>
        <Input aria-label="Filter" placeholder="Filter" type="search" contentBefore={<SearchRegular />} value={filter} onChange={(_, { value }) => setFilter(value)} />
      </div>
      {generated && <UploadNotice certificate={generated} onDismiss={() => setGenerated(null)} />}
      {warned && <WarningNotice {...warned} onDismiss={() => setWarned(null)} />}
      <List filter={filter} onAction={act} />
      {open?.kind === "import" && <ImportDialog file={open.file} onClose={close} onImported={(certificate) => added(certificate, taken(certificate, "imported"))} />}
      {open?.kind === "generate" && (
        <GenerateDialog
          onClose={close}
          onGenerated={(certificate) => {
            setGenerated(certificate);
            added(certificate, "");
          }}
        />
      )}
      {open?.kind === "edit" && <EditDialog certificate={open.certificate} onClose={close} onEdited={() => done("Saved")} />}
      {open?.kind === "delete" && <DeleteDialog certificate={open.certificate} onClose={close} onDeleted={() => done(`${open.certificate.name} was deleted`)} />}
      {open?.kind === "replace" && <ReplaceDialog certificate={open.certificate} onClose={close} onReplaced={(certificate) => done(taken(certificate, "replaced"))} />}
      {open?.kind === "export" && <ExportDialog certificate={open.certificate} onClose={close} onExported={() => done("The private key was downloaded")} />}
    </div>
  );
}

function List({ filter, onAction }: { filter: string; onAction: (action: RowAction, certificate: Certificate) => void }) {
  const pages = useInfiniteQuery({ ...certificatePages(useDeferredValue(filter.trim())), placeholderData: keepPreviousData });
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  const loadMore = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [isFetchingNextPage, fetchNextPage]);
  const certificates = useMemo(() => data?.pages.flatMap((page) => page.items) ?? [], [data]);

  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data)
    return (
      <Skeleton aria-label="Loading certificates">
        <SkeletonItem size={128} />
      </Skeleton>
    );
  const damaged = data.pages.flatMap((page) => page.damaged);
  return (
    <>
      {damaged.length > 0 && (
        <Notice intent="error">
          <MessageBarBody>
            <MessageBarTitle>Some could not be read.</MessageBarTitle> {damaged.join("; ")}
          </MessageBarBody>
        </Notice>
      )}
      {certificates.length > 0 ? (
        <CertificateTable certificates={certificates} hasMore={hasNextPage} loadMore={loadMore} onAction={onAction} />
      ) : (
        <Empty icon={<CertificateRegular />} text={filter.trim() ? `No certificate contains “${filter.trim()}”` : "No certificates yet: import one or generate one"} />
      )}
    </>
  );
}

/** Where the public part must go now, until it is dismissed. */
function UploadNotice({ certificate, onDismiss }: { certificate: Certificate; onDismiss: () => void }) {
  return (
    <Notice intent="success">
      <MessageBarBody>
        <MessageBarTitle>{certificate.name} was generated</MessageBarTitle> and its public certificate was downloaded. Upload that file in the app registration: <em>Certificates &amp; secrets</em> &gt;{" "}
        <em>Upload certificate</em>. The portal will then show the thumbprint <Copyable value={certificate.thumbprint_sha1} what="thumbprint" />
      </MessageBarBody>
      <MessageBarActions containerAction={<Dismiss onDismiss={onDismiss} />}>
        <Button onClick={() => download(certificate, "cer")}>Download again</Button>
      </MessageBarActions>
    </Notice>
  );
}

/** What was taken, but may be refused elsewhere or end soon. */
function WarningNotice({ certificate, what, onDismiss }: { certificate: Certificate; what: string; onDismiss: () => void }) {
  return (
    <Notice intent="warning">
      <MessageBarBody>
        <MessageBarTitle>
          {certificate.name} was {what}, with {certificate.warnings.length === 1 ? "a warning" : `${certificate.warnings.length} warnings`}.
        </MessageBarTitle>{" "}
        {certificate.warnings.map(({ text }) => text).join(" ")}
      </MessageBarBody>
      <MessageBarActions containerAction={<Dismiss onDismiss={onDismiss} />} />
    </Notice>
  );
}

function Dismiss({ onDismiss }: { onDismiss: () => void }) {
  return <Button aria-label="Dismiss" appearance="transparent" icon={<DismissRegular />} onClick={onDismiss} />;
}
