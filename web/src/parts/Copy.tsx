import { Button, Tooltip } from "@fluentui/react-components";
import { CheckmarkRegular, CopyRegular } from "@fluentui/react-icons";
import { useState } from "react";
import { useFrame } from "./styles";

/** Copies a value; `what` names it for those who don't see it. */
export function CopyButton({ value, what }: { value: string; what: string }) {
  const frame = useFrame();
  const [copied, setCopied] = useState(false);
  const copy = () => {
    void navigator.clipboard.writeText(value).then(() => {
      setCopied(true);
      window.setTimeout(() => setCopied(false), 2000);
    });
  };
  return (
    <>
      <Tooltip content={copied ? "Copied" : `Copy ${what}`} relationship="label">
        <Button type="button" size="small" appearance="subtle" icon={copied ? <CheckmarkRegular /> : <CopyRegular />} onClick={copy} />
      </Tooltip>
      <span className={frame.hidden} role="status">
        {copied ? "Copied" : ""}
      </span>
    </>
  );
}

/** A value in monospaced letters with its copy button. */
export function Copyable({ value, what }: { value: string; what: string }) {
  const frame = useFrame();
  return (
    <span style={{ display: "inline-flex", alignItems: "center", gap: 2, minWidth: 0 }}>
      <code className={frame.mono}>{value}</code>
      <CopyButton value={value} what={what} />
    </span>
  );
}
