import { Button, DrawerBody, DrawerHeader, DrawerHeaderTitle, makeStyles, OverlayDrawer, Skeleton, SkeletonItem, Tooltip } from "@fluentui/react-components";
import { DismissRegular, MailRegular } from "@fluentui/react-icons";
import { useQuery } from "@tanstack/react-query";
import { messageStory } from "../api/mail";
import { Problem } from "../api/problem";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { useFrame } from "../parts/styles";
import { Actions } from "./Actions";
import { StoryBody } from "./StoryBody";
import { subjectOf } from "./words";

const useStyles = makeStyles({
  drawer: { width: "min(760px, 100vw)" },
  title: { overflowWrap: "anywhere" },
  body: { paddingBottom: "32px" },
});

/** A message's whole story beside the list, live. It has an address of its own: it can be passed on. */
export function StoryDrawer({ message, onClose }: { message: string; onClose: () => void }) {
  const styles = useStyles();
  const frame = useFrame();
  const { data: story, error, refetch } = useQuery(messageStory(message));
  const gone = error instanceof Problem && error.status === 404;
  return (
    <OverlayDrawer open position="end" className={styles.drawer} onOpenChange={(_, { open }) => !open && onClose()}>
      <DrawerHeader>
        <DrawerHeaderTitle
          heading={{ className: styles.title }}
          action={
            <Tooltip content="Close" relationship="label">
              <Button appearance="subtle" icon={<DismissRegular />} onClick={onClose} />
            </Tooltip>
          }
        >
          {story ? subjectOf(story) : "Message"}
        </DrawerHeaderTitle>
        {story && <Actions story={story} />}
      </DrawerHeader>
      <DrawerBody className={styles.body}>
        {gone ? (
          <Empty icon={<MailRegular />} text="There is no such message: it may have been kept for as long as messages are" />
        ) : error && !story ? (
          <Failed error={error} retry={() => void refetch()} />
        ) : !story ? (
          <Skeleton aria-label="Loading the message">
            <SkeletonItem size={128} />
          </Skeleton>
        ) : (
          <div className={frame.page}>
            <StoryBody story={story} />
          </div>
        )}
      </DrawerBody>
    </OverlayDrawer>
  );
}
