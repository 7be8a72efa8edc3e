import { Button, makeStyles, tokens } from "@fluentui/react-components";
import { ChevronDownRegular, ChevronRightRegular } from "@fluentui/react-icons";
import { type ReactNode, useId, useState } from "react";

const useStyles = makeStyles({
  button: { justifyContent: "flex-start", paddingLeft: 0, minWidth: 0, alignSelf: "flex-start" },
  content: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalM },
});

/** Something that most people don't need, behind its name. What is inside keeps its values while folded. */
export function Fold({ name, children, open: openAtFirst = false }: { name: string; children: ReactNode; open?: boolean }) {
  const styles = useStyles();
  const [open, setOpen] = useState(openAtFirst);
  const id = useId();
  return (
    <>
      <Button
        type="button"
        appearance="transparent"
        className={styles.button}
        icon={open ? <ChevronDownRegular /> : <ChevronRightRegular />}
        aria-expanded={open}
        aria-controls={id}
        onClick={() => setOpen(!open)}
      >
        {name}
      </Button>
      <div id={id} hidden={!open} className={open ? styles.content : undefined}>
        {children}
      </div>
    </>
  );
}
