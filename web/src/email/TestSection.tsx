import { Button, Field, Input, MessageBarBody, MessageBarTitle } from "@fluentui/react-components";
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { answer, api, post } from "../api/client";
import { problemOf } from "../api/problem";
import type { Report, Stage } from "../api/queries";
import { events } from "../api/stream";
import { Copyable } from "../parts/Copy";
import { Notice } from "../parts/Notice";
import { Section } from "../parts/Page";
import { Refusal } from "../parts/Refusal";
import { useFrame } from "../parts/styles";
import { useMay } from "../session/session";
import { addressMistake } from "./draft";
import { Missing } from "./Missing";
import { type Progress, progressOf, stageName, Stages, started } from "./Stages";
import type { AccountForm } from "./useAccountForm";

/** What was asked for; the field may say something else by the time it is done. */
interface Run {
  what: "send" | "check";
  to: string;
}

/** *To*, *Send Test Email* and *Check now*, with the stages as they happen. */
export function TestSection({ form, onReport }: { form: AccountForm; onReport: (report: Report) => void }) {
  const frame = useFrame();
  const queries = useQueryClient();
  const mayTest = useMay("operator");
  const [to, setTo] = useState("");
  const [tried, setTried] = useState(false);
  const [progress, setProgress] = useState<Progress[]>([]);
  const { account } = form;
  const needsSignIn = !account || (form.draft.signIn === "delegated" && !account.grant);
  const missing = [...form.missing, ...(needsSignIn && form.draft.signIn === "delegated" ? ["a sign-in (press Authorize now)"] : [])];
  const toMistake = tried && !to.trim() ? "Say who gets the test mail." : addressMistake(to);

  const run = useMutation({
    mutationFn: async ({ what, to }: Run) => {
      setProgress([]);
      const saved = await form.save();
      const tell = (stage: Progress) => setProgress((before) => [...before.filter(({ name }) => name !== stage.name), stage]);
      const report = what === "send" ? await sendTest(saved.id, to, tell) : await check(saved.id, tell);
      setProgress(report.stages.map(progressOf));
      onReport(report);
      return report;
    },
    // The guide and the overview read there whether a test mail ever went out.
    onSettled: () => queries.invalidateQueries({ queryKey: ["audit"] }),
  });
  const send = (event: SubmitEvent) => {
    event.preventDefault();
    setTried(true);
    form.try();
    if (missing.length === 0 && to.trim() && !addressMistake(to)) run.mutate({ what: "send", to: to.trim() });
  };

  if (!mayTest) return null;
  return (
    <Section
      title="Test"
      actions={
        <Button disabledFocusable={run.isPending || missing.length > 0} aria-describedby="test-missing" onClick={() => run.mutate({ what: "check", to: "" })}>
          {run.isPending && run.variables.what === "check" ? "Checking…" : "Check now"}
        </Button>
      }
    >
      <form className={frame.form} onSubmit={send} noValidate>
        <Field label="To" validationMessage={toMistake}>
          <Input type="email" value={to} autoComplete="email" onChange={(_, { value }) => setTo(value)} />
        </Field>
        <div className={frame.row}>
          <Button type="submit" appearance={account?.state.name === "ready" && !form.dirty ? "primary" : "secondary"} disabledFocusable={run.isPending} aria-describedby="test-missing">
            {run.isPending && run.variables.what === "send" ? "Sending…" : "Send Test Email"}
          </Button>
          <Missing id="test-missing" names={missing} />
        </div>
      </form>
      {progress.length > 0 && <Stages progress={progress} />}
      {run.error !== form.error && <Refusal error={run.error} />}
      {run.data && <Verdict report={run.data} {...run.variables} />}
    </Section>
  );
}

function Verdict({ report, what, to }: Run & { report: Report }) {
  if (!report.ok) {
    // Not that no mail was sent: an answer that was lost leaves that open.
    const failed = report.stages.find(({ ok, skipped }) => !ok && !skipped);
    return (
      <Notice intent="error">
        <MessageBarBody>
          <MessageBarTitle>The test stopped{failed ? ` at “${stageName(failed.name)}”` : ""}.</MessageBarTitle> Its cause and what to do stand there.
        </MessageBarBody>
      </Notice>
    );
  }
  return (
    <Notice intent="success">
      <MessageBarBody>
        {what === "check" ? (
          <MessageBarTitle>All is well: mail can be sent.</MessageBarTitle>
        ) : (
          <>
            <MessageBarTitle>The test mail to {to} was accepted.</MessageBarTitle> {report.message_id && <>Message ID: <Copyable value={report.message_id} what="message ID" /></>}
          </>
        )}
      </MessageBarBody>
    </Notice>
  );
}

async function check(account: string, tell: (stage: Progress) => void): Promise<Report> {
  tell(started("settings"));
  return answer(api.POST("/accounts/{account}/check", { params: { path: { account } } }));
}

async function sendTest(account: string, to: string, tell: (stage: Progress) => void): Promise<Report> {
  const response = await post("/test-email", { to, account }, { accept: "text/event-stream" });
  if (!response.body) throw new Error("The answer has no body.");
  for await (const { event, data } of events(response.body)) {
    const content = JSON.parse(data) as unknown;
    if (event === "report") return content as Report;
    if (event === "problem") throw problemOf((content as { status: number }).status, content);
    if (event === "stage") {
      const stage = content as { name: string; state?: "started" };
      tell(stage.state ? started(stage.name) : progressOf(content as Stage));
    }
  }
  throw new Error("The connection ended before the test did. The audit log tells how it went.");
}
