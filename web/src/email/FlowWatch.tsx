import { Button, Caption1, Field, Input, Link, makeStyles, MessageBarActions, MessageBarBody, MessageBarTitle, tokens } from "@fluentui/react-components";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { answer, api } from "../api/client";
import type { Authorization } from "../api/queries";
import { CopyButton } from "../parts/Copy";
import { Fold } from "../parts/Fold";
import { Notice } from "../parts/Notice";
import { Headed, Refusal } from "../parts/Refusal";
import { useFrame } from "../parts/styles";

/** How long one question for a flow's progress is held by the server. */
const WAIT_SECONDS = 25;

const useStyles = makeStyles({
  code: { fontFamily: tokens.fontFamilyMonospace, fontSize: tokens.fontSizeHero700, lineHeight: tokens.lineHeightHero700, letterSpacing: "2px" },
  next: { margin: "8px 0 4px" },
  box: { display: "flex", flexDirection: "column", gap: tokens.spacingVerticalS },
});

/** A sign-in under way, from the first page to its end. */
export function FlowWatch({ begun, onDone }: { begun: Authorization; onDone: () => void }) {
  const queries = useQueryClient();
  const path = { authorization: begun.id };
  const { data: flow } = useQuery({
    queryKey: ["authorizations", begun.id],
    initialData: begun,
    queryFn: ({ signal }) => answer(api.GET("/authorizations/{authorization}", { params: { path, query: { wait: WAIT_SECONDS } }, signal })),
    refetchInterval: ({ state }) => (state.data?.status === "waiting" ? 300 : false),
  });
  const { status } = flow;
  useEffect(() => {
    if (status !== "waiting") void queries.invalidateQueries({ queryKey: ["accounts"] });
  }, [queries, status]);

  const cancel = useMutation({
    mutationFn: () => answer(api.DELETE("/authorizations/{authorization}", { params: { path } })),
    onSuccess: () => {
      void queries.invalidateQueries({ queryKey: ["accounts"] });
      onDone();
    },
  });
  const keep = useMutation({
    mutationFn: () => answer(api.POST("/authorizations/{authorization}/confirm", { params: { path } })),
    onSuccess: (kept) => queries.setQueryData(["authorizations", begun.id], kept),
  });

  if (status === "waiting")
    return (
      <>
        <Waiting flow={flow} onCancel={() => cancel.mutate()} />
        <Refusal error={cancel.error} />
      </>
    );
  if (status === "pending")
    return (
      <>
        <Notice intent="warning">
          <MessageBarBody>
            <MessageBarTitle>{found(flow)} signed in.</MessageBarTitle> Confirm that this is the one who should send for {flow.account}; until then nothing is kept. {flow.warning}
          </MessageBarBody>
          <MessageBarActions>
            <Button appearance="primary" disabledFocusable={keep.isPending} onClick={() => keep.mutate()}>
              Confirm
            </Button>
            <Button disabledFocusable={cancel.isPending} onClick={() => cancel.mutate()}>
              Discard
            </Button>
          </MessageBarActions>
        </Notice>
        <Refusal error={keep.error ?? cancel.error} />
      </>
    );
  if (status === "confirmed")
    return (
      <Notice intent="success">
        <MessageBarBody>
          <MessageBarTitle>{flow.kind === "application" ? "The application got a token." : `Signed in as ${found(flow)}.`}</MessageBarTitle> Postern can now send mail for {flow.account}.
        </MessageBarBody>
      </Notice>
    );
  return <Ended flow={flow} />;
}

/** A sign-in that came to nothing: what happened, and what to do about it, each a paragraph. */
function Ended({ flow }: { flow: Authorization }) {
  const styles = useStyles();
  const { status } = flow;
  const failure = failureOf(flow);
  return (
    <Notice intent={status === "failed" ? "error" : "warning"}>
      <MessageBarBody>
        <Headed
          title="The sign-in did not work."
          text={failure?.message ?? (status === "expired" ? "Nobody signed in within ten minutes." : "The sign-in was called off.")}
        />
        <p className={styles.next}>{failure?.hint ?? "Press Authorize now to start another."}</p> {failure?.code && <Caption1>{failure.code}</Caption1>}
      </MessageBarBody>
    </Notice>
  );
}

function Waiting({ flow, onCancel }: { flow: Authorization; onCancel: () => void }) {
  const styles = useStyles();
  const frame = useFrame();
  const minutes = useMinutesLeft(flow.expires);
  return (
    <div className={styles.box}>
      <Notice intent="info">
        <MessageBarBody>
          {flow.user_code ? (
            <>
              <MessageBarTitle>Waiting for the code to be typed.</MessageBarTitle> {flow.warning}
            </>
          ) : (
            <>
              <MessageBarTitle>Waiting for the sign-in in the other tab.</MessageBarTitle> This page goes on by itself.
              {flow.url && (
                <>
                  {" "}
                  No tab opened?{" "}
                  <Link inline href={flow.url} target="_blank" rel="noreferrer">
                    Open Microsoft's page
                  </Link>
                </>
              )}
            </>
          )}{" "}
          <span className={frame.number}>{minutes === 1 ? "1 minute left" : `${minutes} minutes left`}</span>
        </MessageBarBody>
        <MessageBarActions>
          <Button onClick={onCancel}>Cancel</Button>
        </MessageBarActions>
      </Notice>
      {flow.user_code && flow.verification_uri && (
        <div>
          On any device, open{" "}
          <Link inline href={flow.verification_uri} target="_blank" rel="noreferrer">
            {flow.verification_uri}
          </Link>{" "}
          and type
          <div className={frame.row}>
            <code className={styles.code}>{flow.user_code}</code>
            <CopyButton value={flow.user_code} what="code" />
          </div>
        </div>
      )}
      {flow.kind === "authorization_code" && (
        <Fold name="The browser ended at a page that doesn't load">
          <PasteAddress flow={flow} />
        </Fold>
      )}
    </div>
  );
}

function PasteAddress({ flow }: { flow: Authorization }) {
  const frame = useFrame();
  const queries = useQueryClient();
  const [address, setAddress] = useState("");
  const attempt = useMutation({
    mutationFn: () => answer(api.POST("/authorizations/{authorization}/complete", { params: { path: { authorization: flow.id } }, body: { address: address.trim() } })),
    onSuccess: (next) => queries.setQueryData(["authorizations", flow.id], next),
  });
  return (
    <>
      <Field label="Address" hint={`The whole address from that tab's address bar; it begins with ${flow.redirect_uri ?? "the redirect URI"}`}>
        <Input value={address} autoComplete="off" spellCheck={false} onChange={(_, { value }) => setAddress(value)} />
      </Field>
      <Refusal error={attempt.error} />
      <div className={frame.row}>
        <Button disabledFocusable={attempt.isPending || !address.trim()} onClick={() => attempt.mutate()}>
          Complete the sign-in
        </Button>
      </div>
    </>
  );
}

function useMinutesLeft(expires: string): number {
  const left = () => Math.max(0, Math.ceil((Date.parse(expires) - Date.now()) / 60_000));
  const [minutes, setMinutes] = useState(left);
  useEffect(() => {
    const timer = window.setInterval(() => setMinutes(Math.max(0, Math.ceil((Date.parse(expires) - Date.now()) / 60_000))), 5_000);
    return () => window.clearInterval(timer);
  }, [expires]);
  return minutes;
}

function found(flow: Authorization): string {
  return (flow.found as { user?: string } | null | undefined)?.user ?? "Somebody";
}

function failureOf(flow: Authorization): { code?: string; message?: string; hint?: string } | null {
  return (flow.failure as { code?: string; message?: string; hint?: string } | null | undefined) ?? null;
}
