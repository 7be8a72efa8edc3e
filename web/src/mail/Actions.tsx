import { Body1, Button, makeStyles, mergeClasses, useRestoreFocusTarget } from "@fluentui/react-components";
import { ArrowClockwiseRegular, DismissCircleRegular, PauseRegular, PlayRegular } from "@fluentui/react-icons";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useRef, useState } from "react";
import { act, type Deed, messageStory, type Story } from "../api/mail";
import { useTell } from "../app/toasts";
import { FormDialog } from "../parts/FormDialog";
import { Refusal } from "../parts/Refusal";
import { useFrame } from "../parts/styles";
import { useMay } from "../session/session";
import { subjectOf } from "./words";

const DONE: Record<Deed, string> = {
  retry: "The message is tried again now",
  hold: "The message is held until somebody releases it",
  release: "The message goes its way again",
  cancel: "The message was cancelled",
};

/** What may be done to a message that stands there (store::queue::acts says the same). */
const ALLOWED: Record<Deed, string[]> = {
  retry: ["queued", "deferred", "held", "failed", "expired", "cancelled"],
  hold: ["queued", "deferred"],
  release: ["held"],
  cancel: ["queued", "deferred", "held"],
};

const useStyles = makeStyles({ place: { outlineStyle: "none" }, refused: { marginTop: "8px" } });

export function Actions({ story }: { story: Story }) {
  const styles = useStyles();
  const frame = useFrame();
  const tell = useTell();
  const queries = useQueryClient();
  const mayAct = useMay("operator");
  const [asking, setAsking] = useState(false);
  // Without it the focus is nowhere after "Keep it", and the story stays hidden from screen readers.
  const restore = useRestoreFocusTarget();
  const attempt = useMutation({
    mutationFn: (deed: Deed) => act(deed, story.id),
    onSuccess: (next, deed) => {
      queries.setQueryData(messageStory(story.id).queryKey, next);
      tell(DONE[deed]);
      setAsking(false);
      for (const name of ["messages", "queue", "audit"]) void queries.invalidateQueries({ queryKey: [name] });
    },
    // It may have gone on meanwhile.
    onError: () => void queries.invalidateQueries({ queryKey: messageStory(story.id).queryKey }),
  });
  const may = (deed: Deed) => ALLOWED[deed].includes(story.state) && (story.has_content || deed === "hold" || deed === "cancel");
  const button = (deed: Deed, words: string, icon: React.JSX.Element) =>
    may(deed) && (
      <Button {...restore} icon={icon} disabledFocusable={attempt.isPending} onClick={() => (deed === "cancel" ? setAsking(true) : attempt.mutate(deed))}>
        {words}
      </Button>
    );
  const place = useRef<HTMLDivElement>(null);
  useEffect(() => {
    // The button that had the focus may be gone with the state that it was for; Escape still closes the story.
    if (document.activeElement === document.body) place.current?.focus();
  }, [story.state, asking]);
  if (!mayAct) return null;
  return (
    <>
      <div ref={place} tabIndex={-1} className={mergeClasses(frame.row, styles.place)}>
        {button("release", "Release", <PlayRegular />)}
        {button("retry", "Retry now", <ArrowClockwiseRegular />)}
        {button("hold", "Hold", <PauseRegular />)}
        {button("cancel", "Cancel message", <DismissCircleRegular />)}
      </div>
      {!asking && attempt.error && (
        <div className={styles.refused}>
          <Refusal error={attempt.error} />
        </div>
      )}
      {asking && (
        <FormDialog
          title="Cancel Message"
          action="Cancel message"
          dismiss="Keep it"
          busy={attempt.isPending}
          error={attempt.variables === "cancel" ? attempt.error : null}
          onSubmit={() => attempt.mutate("cancel")}
          onClose={() => setAsking(false)}
        >
          <Body1>
            Cancel <strong>{subjectOf(story)}</strong>? It is not sent, and nobody is told. Until its content is deleted it can still be retried.
          </Body1>
        </FormDialog>
      )}
    </>
  );
}
