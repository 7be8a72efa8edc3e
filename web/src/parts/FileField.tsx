import { Button, makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { type DragEvent, useEffect, useEffectEvent, useId, useRef, useState } from "react";
import { NARROW, useFrame } from "./styles";

interface Props {
  label: string;
  accept: string;
  file: File | null;
  onChoose: (file: File) => void;
  hint: string;
  error?: string | undefined;
  disabled?: boolean;
}

const useStyles = makeStyles({
  root: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalXXS },
  drop: {
    display: "flex",
    alignItems: "center",
    gap: tokens.spacingHorizontalM,
    padding: "8px",
    border: `1px dashed ${tokens.colorNeutralStrokeAccessible}`,
    borderRadius: tokens.borderRadiusMedium,
    [NARROW]: { flexDirection: "column", alignItems: "stretch" },
  },
  over: { border: `1px dashed ${tokens.colorCompoundBrandStroke}`, backgroundColor: tokens.colorBrandBackground2 },
  wrong: { border: `1px dashed ${tokens.colorPaletteRedBorder2}` },
  error: { color: tokens.colorPaletteRedForeground1, fontSize: tokens.fontSizeBase200 },
  hint: { color: tokens.colorNeutralForeground3, fontSize: tokens.fontSizeBase200 },
});

/** A file, by *Browse…* or dropped: on the row, or anywhere, as a dialog has one such row. */
export function FileField({ label, accept, file, onChoose, hint, error, disabled = false }: Props) {
  const styles = useStyles();
  const frame = useFrame();
  const input = useRef<HTMLInputElement>(null);
  const id = useId();
  const over = useDropAnywhere(onChoose, disabled);
  return (
    <div className={styles.root}>
      <label htmlFor={id}>{label}</label>
      <div className={mergeClasses(styles.drop, over && styles.over, Boolean(error) && styles.wrong)}>
        <input
          ref={input}
          id={id}
          type="file"
          accept={accept}
          className={frame.hidden}
          tabIndex={-1}
          disabled={disabled}
          aria-invalid={Boolean(error)}
          aria-describedby={`${id}-text`}
          onChange={(event) => {
            const chosen = event.target.files?.[0];
            if (chosen) onChoose(chosen);
            // The same file can be chosen again, for example after it was mended.
            event.target.value = "";
          }}
        />
        <Button type="button" disabled={disabled} aria-describedby={`${id}-text`} onClick={() => input.current?.click()}>
          Browse…
        </Button>
        <span className={mergeClasses(frame.wrap, !file && frame.quiet)}>{file ? file.name : "or drop a file here"}</span>
      </div>
      <div id={`${id}-text`}>
        {error ? (
          <span role="alert" className={styles.error}>
            {error}
          </span>
        ) : (
          <span className={styles.hint}>{hint}</span>
        )}
      </div>
    </div>
  );
}

/** Handlers for an element that takes a dropped file, and whether one hovers over it. */
export function useDrop(onDrop: (file: File) => void, disabled = false) {
  const [over, setOver] = useState(false);
  // A dialog that was opened from here lies elsewhere in the document, but React's events would reach this.
  const isFor = ({ currentTarget, target, dataTransfer }: DragEvent) => !disabled && currentTarget.contains(target as Node) && dataTransfer.types.includes("Files");
  const handlers = {
    onDragOver: (event: DragEvent) => {
      if (!isFor(event)) return;
      event.preventDefault();
      setOver(true);
    },
    onDragLeave: (event: DragEvent) => {
      if (!event.currentTarget.contains(event.relatedTarget as Node | null)) setOver(false);
    },
    onDrop: (event: DragEvent) => {
      setOver(false);
      const file = event.dataTransfer.files[0];
      if (!file || !isFor(event)) return;
      event.preventDefault();
      onDrop(file);
    },
  };
  return { over, handlers };
}

/** The same for the whole window, while there is just one place for a file in it. */
export function useDropAnywhere(onDrop: (file: File) => void, disabled: boolean): boolean {
  const [over, setOver] = useState(false);
  const take = useEffectEvent(onDrop);
  useEffect(() => {
    if (disabled) return;
    const stop = new AbortController();
    const on = <K extends "dragover" | "dragleave" | "drop">(kind: K, handler: (event: WindowEventMap[K]) => void) => window.addEventListener(kind, handler, { signal: stop.signal });
    on("dragover", ({ dataTransfer }) => setOver(dataTransfer?.types.includes("Files") === true));
    on("dragleave", ({ relatedTarget }) => {
      if (!relatedTarget) setOver(false);
    });
    on("drop", ({ dataTransfer }) => {
      setOver(false);
      const file = dataTransfer?.files[0];
      if (file) take(file);
    });
    return () => stop.abort();
  }, [disabled]);
  return over;
}
