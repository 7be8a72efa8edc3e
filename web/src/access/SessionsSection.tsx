import { Badge, Button, Skeleton, SkeletonItem } from "@fluentui/react-components";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { endSession, type SessionItem, sessions } from "../api/session";
import { useTell } from "../app/toasts";
import { Failed } from "../parts/Failed";
import { Section } from "../parts/Page";
import { Refusal } from "../parts/Refusal";
import { SimpleTable } from "../parts/SimpleTable";
import { When } from "../parts/When";
import { useSession } from "../session/session";

export function SessionsSection() {
  const tell = useTell();
  const queries = useQueryClient();
  const { leave } = useSession();
  const { data, error, refetch } = useQuery({ queryKey: ["sessions"], queryFn: sessions });
  const end = useMutation({
    mutationFn: ({ id }: SessionItem) => endSession(id),
    onSuccess: () => {
      tell("The session was ended");
      void queries.invalidateQueries({ queryKey: ["sessions"] });
    },
  });
  return (
    <Section title="Sessions">
      <Refusal error={end.error} />
      {error && !data ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Skeleton aria-label="Loading sessions">
          <SkeletonItem size={64} />
        </Skeleton>
      ) : (
        <SimpleTable
          label="Sessions"
          rows={data}
          rowKey={({ id }) => id}
          columns={[
            ["User name", ({ user }) => <strong>{user}</strong>],
            ["From", ({ source }) => source],
            ["Browser", ({ user_agent: agent }) => <span title={agent}>{browser(agent)}</span>],
            ["Started", ({ created }) => <When at={created} />],
            ["Last seen", ({ last_seen: at }) => <When at={at} />],
            [
              "Actions",
              (session) =>
                session.current ? (
                  <Badge appearance="tint" color="success">
                    This session
                  </Badge>
                ) : (
                  <Button size="small" disabledFocusable={end.isPending} onClick={() => end.mutate(session)}>
                    End
                  </Button>
                ),
            ],
          ]}
        />
      )}
      <div>
        <Button size="small" onClick={leave}>
          Sign out here
        </Button>
      </div>
    </Section>
  );
}

/** The browser's name out of what it calls itself; all of it on hover. */
function browser(agent: string): string {
  const name = /(Edg|OPR|Firefox|Chrome|Safari)\/(\d+)/.exec(agent);
  const system = /(Windows|Mac OS X|Android|iPhone|Linux)/.exec(agent);
  const words: Record<string, string> = { Edg: "Edge", OPR: "Opera" };
  return name?.[1] ? [words[name[1]] ?? name[1], name[2], system?.[1]].filter(Boolean).join(" ") : agent || "unknown";
}
