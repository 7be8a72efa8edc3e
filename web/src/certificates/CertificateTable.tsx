import { Caption1, makeStyles, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, mergeClasses, tokens, useRestoreFocusTarget } from "@fluentui/react-components";
import { ChevronDownRegular } from "@fluentui/react-icons";
import { useMemo, useState } from "react";
import type { Certificate } from "../api/queries";
import { CopyButton } from "../parts/Copy";
import { PlainButton } from "../parts/PlainButton";
import { CertificateStatus } from "../parts/Status";
import { useFrame } from "../parts/styles";
import { day, exactly, inDays } from "../parts/time";
import { type Column, VirtualTable } from "../parts/VirtualTable";
import { useMay } from "../session/session";
import { download } from "./requests";

export type RowAction = "edit" | "delete" | "replace" | "export";

interface Props {
  certificates: Certificate[];
  hasMore: boolean;
  loadMore: () => void;
  onAction: (action: RowAction, certificate: Certificate) => void;
}

const useStyles = makeStyles({
  place: { display: "flex", flexDirection: "column", minHeight: "160px" },
  name: { fontWeight: tokens.fontWeightSemibold },
  thumb: { display: "flex", alignItems: "center", gap: "4px" },
  hex: { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap", overflowWrap: "normal" },
  kind: { flexShrink: 0, width: "52px", whiteSpace: "nowrap" },
  // Two and two, each pair under the other.
  actions: { display: "grid", gridTemplateColumns: "max-content max-content", gap: "2px 4px", marginLeft: "-6px", justifyItems: "start" },
});

const rowKey = ({ id }: Certificate) => id;

export function CertificateTable({ certificates, hasMore, loadMore, onAction }: Props) {
  const styles = useStyles();
  const frame = useFrame();
  const [place, setPlace] = useState<HTMLDivElement | null>(null);
  const [menu, setMenu] = useState<{ certificate: Certificate; button: HTMLElement } | null>(null);
  const menuOf = menu?.certificate.id;
  // The same ones each time: with others, all rows in view are drawn anew when a page arrives.
  const columns = useMemo(
    () => columnsOf({ styles, frame, menuOf, onAction, onDownload: (certificate, button) => setMenu({ certificate, button }) }),
    [styles, frame, menuOf, onAction],
  );
  return (
    <div ref={setPlace} className={styles.place}>
      <VirtualTable
        label="Certificates"
        columns={columns}
        rows={certificates}
        rowKey={rowKey}
        hasMore={hasMore}
        loadMore={loadMore}
        maxHeight="100%"
        estimatedRowHeight={69}
        minWidth="1000px"
      />
      {menu && (
        <DownloadMenu
          {...menu}
          place={place}
          onExport={() => onAction("export", menu.certificate)}
          onClose={() => {
            menu.button.focus();
            setMenu(null);
          }}
        />
      )}
    </div>
  );
}

interface Look {
  styles: ReturnType<typeof useStyles>;
  frame: ReturnType<typeof useFrame>;
  /** Of which certificate the *Download* menu is open. */
  menuOf: string | undefined;
  onAction: Props["onAction"];
  onDownload: (certificate: Certificate, button: HTMLElement) => void;
}

function columnsOf({ styles, frame, menuOf, onAction, onDownload }: Look): Column<Certificate>[] {
  return [
    {
      name: "Name",
      width: "auto",
      cell: (certificate) => (
        <>
          <div className={styles.name}>{certificate.name}</div>
          {certificate.description && (
            <Caption1 block className={frame.quiet}>
              {certificate.description}
            </Caption1>
          )}
          <Caption1 block className={frame.quiet}>
            {certificate.key.type} {certificate.key.bits}, {certificate.origin}
          </Caption1>
        </>
      ),
    },
    {
      name: "Status",
      width: "112px",
      cell: (certificate) => (
        <>
          <CertificateStatus certificate={certificate} />
          {certificate.warnings.length > 0 && (
            <Caption1 block title={certificate.warnings.map(({ text }) => text).join("\n")}>
              {certificate.warnings.length === 1 ? "1 warning" : `${certificate.warnings.length} warnings`}
            </Caption1>
          )}
        </>
      ),
    },
    {
      name: "Expires",
      width: "108px",
      cell: (certificate) => (
        <div className={frame.number} title={exactly(certificate.not_after)}>
          {day(certificate.not_after)}
          <Caption1 block className={frame.quiet}>
            {inDays(certificate.days_left)}
          </Caption1>
        </div>
      ),
    },
    {
      // The whole SHA-1 one fits: it is compared with what the portal shows.
      name: "Thumbprint",
      width: "408px",
      cell: (certificate) => (
        <>
          <Thumbprint kind="SHA-1" value={certificate.thumbprint_sha1} />
          <Thumbprint kind="SHA-256" value={certificate.thumbprint_sha256} />
        </>
      ),
    },
    { name: "Used by", width: "110px", cell: (certificate) => certificate.used_by.join(", ") || <span className={frame.quiet}>not used</span> },
    {
      name: "Actions",
      width: "162px",
      cell: (certificate) => (
        <Actions certificate={certificate} open={certificate.id === menuOf} onAction={onAction} onDownload={(button) => onDownload(certificate, button)} />
      ),
    },
  ];
}

function Thumbprint({ kind, value }: { kind: string; value: string }) {
  const styles = useStyles();
  const frame = useFrame();
  return (
    <div className={styles.thumb}>
      <Caption1 className={mergeClasses(frame.quiet, styles.kind)}>{kind}</Caption1>
      <code className={mergeClasses(frame.mono, styles.hex)} title={value}>
        {value}
      </code>
      <CopyButton value={value} what={`${kind} thumbprint`} />
    </div>
  );
}

interface ActionsProps {
  certificate: Certificate;
  /** Whether its *Download* menu is open. */
  open: boolean;
  onAction: Props["onAction"];
  onDownload: (button: HTMLElement) => void;
}

function Actions({ certificate, open, onAction, onDownload }: ActionsProps) {
  const styles = useStyles();
  const mayChange = useMay("administrator");
  const restore = useRestoreFocusTarget();
  return (
    <div className={styles.actions}>
      <PlainButton {...restore} aria-haspopup="menu" aria-expanded={open} onClick={(event) => onDownload(event.currentTarget)}>
        Download <ChevronDownRegular />
      </PlainButton>
      {mayChange && (
        <>
          <PlainButton className="on-hover" {...restore} onClick={() => onAction("replace", certificate)}>
            Replace…
          </PlainButton>
          <PlainButton className="on-hover" {...restore} onClick={() => onAction("edit", certificate)}>
            Edit
          </PlainButton>
          <PlainButton className="on-hover" {...restore} onClick={() => onAction("delete", certificate)}>
            Delete
          </PlainButton>
        </>
      )}
    </div>
  );
}

interface DownloadMenuProps {
  certificate: Certificate;
  button: HTMLElement;
  /** Where it opens, so that it lies in the same landmark or dialog as its button. */
  place: HTMLElement | null;
  onExport: () => void;
  onClose: () => void;
}

/** One for all rows: each of its own would be most of what a row costs. */
function DownloadMenu({ certificate, button, place, onExport, onClose }: DownloadMenuProps) {
  const mayExport = useMay("administrator") && certificate.exportable;
  return (
    <Menu open mountNode={place} positioning={{ target: button, position: "below", align: "end" }} onOpenChange={(_, { open }) => !open && onClose()}>
      <MenuPopover>
        <MenuList>
          <MenuItem onClick={() => download(certificate, "cer")}>Public certificate (.cer)</MenuItem>
          <MenuItem onClick={() => download(certificate, "pem")}>Public certificate (.pem)</MenuItem>
          {mayExport && (
            <>
              <MenuDivider />
              <MenuItem onClick={onExport}>With private key (.pfx)…</MenuItem>
            </>
          )}
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}
