import { Caption1, mergeClasses } from "@fluentui/react-components";
import { useMemo } from "react";
import type { Message } from "../api/mail";
import { OVER } from "../parts/overlay";
import { useFrame } from "../parts/styles";
import { exactly, local } from "../parts/time";
import { TextLink } from "../parts/TextLink";
import type { Column } from "../parts/VirtualTable";
import { StateMark } from "./Marks";
import { nextTry, recipientsOf, senderOf, subjectOf, waits } from "./words";

/** The list's columns, the same ones each time; `query` keeps the filter in the address of an opened message. */
export function useMessageColumns(query: string): Column<Message>[] {
  const frame = useFrame();
  return useMemo(() => columnsOf(frame, query), [frame, query]);
}

function columnsOf(frame: ReturnType<typeof useFrame>, query: string): Column<Message>[] {
  return [
    {
      name: "Received",
      width: "176px",
      cell: ({ received }) => (
        <time dateTime={received} title={exactly(received)} className={frame.number}>
          {local(received)}
        </time>
      ),
    },
    {
      name: "State",
      width: "128px",
      cell: (message) => (
        <>
          <StateMark state={message.state} />
          <Progress message={message} />
        </>
      ),
    },
    {
      name: "Subject",
      width: "30%",
      cell: (message) => (
        <>
          <TextLink to={`/mail/${message.id}${query}`} state={OVER}>{subjectOf(message)}</TextLink>
          {message.text && message.state !== "sent" && (
            <Caption1 block className={mergeClasses(frame.quiet, frame.oneLine)} title={message.text}>
              {message.text}
            </Caption1>
          )}
        </>
      ),
    },
    { name: "From", width: "22%", cell: (message) => senderOf(message) },
    { name: "To", width: "22%", cell: (message) => recipientsOf(message) },
    {
      name: "Submitter",
      width: "18%",
      cell: (message) => (
        <>
          {message.submitter.name}
          <Caption1 block className={frame.quiet}>
            by {message.account.name || "an account that was removed"}
          </Caption1>
        </>
      ),
    },
  ];
}

function Progress({ message }: { message: Message }) {
  const frame = useFrame();
  if (waits(message) && message.next_attempt && message.attempt_count > 0)
    return (
      <Caption1 block className={frame.quiet}>
        <span title={exactly(message.next_attempt)}>next try {nextTry(message.next_attempt)}</span>
      </Caption1>
    );
  return message.attempt_count > 1 ? (
    <Caption1 block className={frame.quiet}>
      {message.attempt_count} attempts
    </Caption1>
  ) : null;
}
