import {
  Button,
  Caption1,
  makeStyles,
  Menu,
  MenuDivider,
  MenuItem,
  MenuList,
  MenuPopover,
  MenuTrigger,
  mergeClasses,
  tokens,
  Tooltip,
  useRestoreFocusTarget,
} from "@fluentui/react-components";
import { ArrowDownloadRegular, ArrowSyncRegular, DeleteRegular, EditRegular } from "@fluentui/react-icons";
import { useState } from "react";
import type { Certificate } from "../api/queries";
import { CopyButton } from "../parts/Copy";
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
  maxHeight: string;
}

const useStyles = makeStyles({
  name: { fontWeight: tokens.fontWeightSemibold },
  thumb: { display: "flex", alignItems: "center", gap: "4px" },
  hex: { overflow: "hidden", textOverflow: "ellipsis", whiteSpace: "nowrap", overflowWrap: "normal" },
  kind: { flexShrink: 0, width: "52px", whiteSpace: "nowrap" },
  actions: { display: "flex", gap: "2px", marginLeft: "-6px", flexWrap: "wrap" },
});

export function CertificateTable({ certificates, hasMore, loadMore, onAction, maxHeight }: Props) {
  const styles = useStyles();
  const frame = useFrame();
  // The rows' menus open in here, so that they lie in the same landmark or dialog as their buttons.
  const [place, setPlace] = useState<HTMLDivElement | null>(null);
  const columns: Column<Certificate>[] = [
    {
      name: "Name",
      width: "24%",
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
      width: "120px",
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
      width: "124px",
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
      name: "Thumbprint",
      width: "30%",
      cell: (certificate) => (
        <>
          <Thumbprint kind="SHA-1" value={certificate.thumbprint_sha1} />
          <Thumbprint kind="SHA-256" value={certificate.thumbprint_sha256} />
        </>
      ),
    },
    { name: "Used by", width: "16%", cell: (certificate) => certificate.used_by.join(", ") || <span className={frame.quiet}>not used</span> },
    { name: "Actions", width: "156px", cell: (certificate) => <Actions certificate={certificate} place={place} onAction={onAction} /> },
  ];
  return (
    <div ref={setPlace}>
      <VirtualTable
        label="Certificates"
        columns={columns}
        rows={certificates}
        rowKey={({ id }) => id}
        hasMore={hasMore}
        loadMore={loadMore}
        maxHeight={maxHeight}
        estimatedRowHeight={69}
      />
    </div>
  );
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

function Actions({ certificate, place, onAction }: { certificate: Certificate; place: HTMLElement | null; onAction: Props["onAction"] }) {
  const styles = useStyles();
  const mayChange = useMay("administrator");
  const restore = useRestoreFocusTarget();
  return (
    <div className={styles.actions}>
      {mayChange && (
        <>
          <Tooltip content="Edit" relationship="label">
            <Button className="on-hover" size="small" appearance="subtle" icon={<EditRegular />} {...restore} onClick={() => onAction("edit", certificate)} />
          </Tooltip>
          <Tooltip content="Delete" relationship="label">
            <Button className="on-hover" size="small" appearance="subtle" icon={<DeleteRegular />} {...restore} onClick={() => onAction("delete", certificate)} />
          </Tooltip>
          <Tooltip content="Replace…" relationship="label">
            <Button className="on-hover" size="small" appearance="subtle" icon={<ArrowSyncRegular />} {...restore} onClick={() => onAction("replace", certificate)} />
          </Tooltip>
        </>
      )}
      <Menu mountNode={place}>
        <MenuTrigger disableButtonEnhancement>
          <Tooltip content="Download" relationship="label">
            <Button size="small" appearance="subtle" icon={<ArrowDownloadRegular />} {...restore} />
          </Tooltip>
        </MenuTrigger>
        <MenuPopover>
          <MenuList>
            <MenuItem onClick={() => download(certificate, "cer")}>Public certificate (.cer)</MenuItem>
            <MenuItem onClick={() => download(certificate, "pem")}>Public certificate (.pem)</MenuItem>
            {certificate.exportable && mayChange && (
              <>
                <MenuDivider />
                <MenuItem onClick={() => onAction("export", certificate)}>With private key (.pfx)…</MenuItem>
              </>
            )}
          </MenuList>
        </MenuPopover>
      </Menu>
    </div>
  );
}
