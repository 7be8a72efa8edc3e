import { CheckmarkRegular, CopyRegular } from "@fluentui/react-icons";
import { useState } from "react";
import { PlainButton } from "./PlainButton";
import { useFrame } from "./styles";

/** How long a button says what became of its value. */
const TOLD_MS = 2000;

/** Copies a value; `what` names it for those who don't see it. */
export function CopyButton({ value, what }: { value: string; what: string }) {
  const frame = useFrame();
  const [told, setTold] = useState("");
  // A screen reader reads only what comes into a place that was there before; a list has no use for dozens of them.
  const [reached, setReached] = useState(false);
  const copy = async () => {
    setTold(await write(value));
    window.setTimeout(() => setTold(""), TOLD_MS);
  };
  return (
    <>
      <PlainButton aria-label={`Copy ${what}`} title={told || `Copy ${what}`} onFocus={() => setReached(true)} onClick={() => void copy()}>
        {told === COPIED ? <CheckmarkRegular fontSize={16} /> : <CopyRegular fontSize={16} />}
      </PlainButton>
      {reached && (
        <span className={frame.hidden} role="status">
          {told}
        </span>
      )}
    </>
  );
}

const COPIED = "Copied";

/** What became of it. A browser lets pages copy under https only, and can be told not to. */
async function write(value: string): Promise<string> {
  try {
    await navigator.clipboard.writeText(value);
    return COPIED;
  } catch {
    return "The browser doesn't let this page copy: select the text instead";
  }
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
