/** The list of certificates with all that can be done to them, as the dialog and the page both show it. */
import { Button, Input, MessageBarActions, MessageBarBody, MessageBarTitle, Skeleton, SkeletonItem, useRestoreFocusTarget } from "@fluentui/react-components";
import { ArrowUploadRegular, CertificateRegular, DismissRegular, SearchRegular, SparkleRegular } from "@fluentui/react-icons";
import { keepPreviousData, useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useDeferredValue, useState } from "react";
import { type Certificate, certificatePages } from "../api/queries";
import { useTell } from "../app/toasts";
import { Copyable } from "../parts/Copy";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
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

type Open = { kind: "import" } | { kind: "generate" } | { kind: RowAction; certificate: Certificate } | null;

interface Props {
  maxHeight: string;
  /** Tells of a certificate that was imported or generated here. */
  onAdded?: (certificate: Certificate) => void;
}

export function CertificateManager({ maxHeight, onAdded }: Props) {
  const frame = useFrame();
  const tell = useTell();
  const queries = useQueryClient();
  const mayChange = useMay("administrator");
  const restore = useRestoreFocusTarget();
  const [open, setOpen] = useState<Open>(null);
  const [generated, setGenerated] = useState<Certificate | null>(null);
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
  const close = () => setOpen(null);

  return (
    <div className={frame.form}>
      <div className={frame.between}>
        <div className={frame.row}>
          {mayChange && (
            <>
              <Button icon={<ArrowUploadRegular />} {...restore} onClick={() => setOpen({ kind: "import" })}>
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
      <List filter={filter} maxHeight={maxHeight} onAction={(kind, certificate) => setOpen({ kind, certificate })} />
      {open?.kind === "import" && <ImportDialog onClose={close} onImported={(certificate) => added(certificate, `${certificate.name} was imported`)} />}
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
      {open?.kind === "replace" && <ReplaceDialog certificate={open.certificate} onClose={close} onReplaced={() => done(`${open.certificate.name} was replaced`)} />}
      {open?.kind === "export" && <ExportDialog certificate={open.certificate} onClose={close} onExported={() => done("The private key was downloaded")} />}
    </div>
  );
}

function List({ filter, maxHeight, onAction }: { filter: string; maxHeight: string; onAction: (action: RowAction, certificate: Certificate) => void }) {
  const pages = useInfiniteQuery({ ...certificatePages(useDeferredValue(filter.trim())), placeholderData: keepPreviousData });
  const { data, error, refetch, hasNextPage, isFetchingNextPage, fetchNextPage } = pages;
  const loadMore = useCallback(() => {
    if (!isFetchingNextPage) void fetchNextPage();
  }, [isFetchingNextPage, fetchNextPage]);

  if (error && !data) return <Failed error={error} retry={() => void refetch()} />;
  if (!data)
    return (
      <Skeleton aria-label="Loading certificates">
        <SkeletonItem size={128} />
      </Skeleton>
    );
  const certificates = data.pages.flatMap((page) => page.items);
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
        <CertificateTable certificates={certificates} hasMore={hasNextPage} loadMore={loadMore} onAction={onAction} maxHeight={maxHeight} />
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
      <MessageBarActions containerAction={<Button aria-label="Dismiss" appearance="transparent" icon={<DismissRegular />} onClick={onDismiss} />}>
        <Button onClick={() => download(certificate, "cer")}>Download again</Button>
      </MessageBarActions>
    </Notice>
  );
}
