import { Button, Field, Input, Radio, RadioGroup, Select } from "@fluentui/react-components";
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { type SubmitEvent, useState } from "react";
import { allSubmitters, handOver, newestMessage, type Refused, refusals } from "../api/mail";
import { addressMistake } from "../email/draft";
import { Refusal } from "../parts/Refusal";
import { Section } from "../parts/Page";
import { useFrame } from "../parts/styles";
import { useMay } from "../session/session";
import { DeviceWatch, MessageWatch } from "./Watch";

type Watched = { kind: "message"; id: string } | { kind: "device"; submitter: string; after: string; refused: Refused | undefined } | null;

/** Send one now and watch it arrive: from the device itself, or from here. */
export function WatchSection() {
  const frame = useFrame();
  const maySend = useMay("operator");
  const [way, setWay] = useState<"device" | "here">("device");
  const [watched, setWatched] = useState<Watched>(null);
  return (
    <Section title="Send one now and watch it arrive">
      <div className={frame.form}>
        {maySend && (
          <RadioGroup
            aria-label="Who sends it"
            layout="horizontal"
            value={way}
            onChange={(_, { value }) => {
              setWay(value === "here" ? "here" : "device");
              setWatched(null);
            }}
          >
            <Radio value="device" label="The device sends it" />
            <Radio value="here" label="Postern sends it" />
          </RadioGroup>
        )}
        {way === "device" ? <FromDevice watching={watched?.kind === "device"} onWatch={setWatched} /> : <FromHere onWatch={setWatched} />}
      </div>
      {watched?.kind === "device" && <DeviceWatch key={watched.after} submitter={watched.submitter} after={watched.after} refused={watched.refused} />}
      {watched?.kind === "message" && <MessageWatch key={watched.id} id={watched.id} />}
    </Section>
  );
}

function FromDevice({ watching, onWatch }: { watching: boolean; onWatch: (watched: Watched) => void }) {
  const frame = useFrame();
  const queries = useQueryClient();
  const submitters = useQuery(allSubmitters).data ?? [];
  const [submitter, setSubmitter] = useState("");
  // What is there already is not the one that is waited for; ids grow with time.
  const begin = useMutation({
    mutationFn: async () => {
      const [newest, refused] = await Promise.all([queries.query({ ...newestMessage(submitter || undefined), staleTime: 0 }), queries.query({ ...refusals, staleTime: 0 })]);
      return { kind: "device" as const, submitter, after: newest?.id ?? "", refused: refused[0] };
    },
    onSuccess: onWatch,
  });
  return (
    <>
      <div className={frame.row} style={{ alignItems: "flex-end" }}>
        <Field label="Submitter">
          <Select
            value={submitter}
            onChange={(_, { value }) => {
              setSubmitter(value);
              onWatch(null);
            }}
          >
            <option value="">Whichever sends first</option>
            {submitters.map(({ id, name }) => (
              <option key={id} value={id}>
                {name}
              </option>
            ))}
          </Select>
        </Field>
        {watching ? <Button onClick={() => onWatch(null)}>Stop watching</Button> : <Button disabledFocusable={begin.isPending} onClick={() => begin.mutate()}>Watch</Button>}
      </div>
      <Refusal error={begin.error} />
    </>
  );
}

function FromHere({ onWatch }: { onWatch: (watched: Watched) => void }) {
  const frame = useFrame();
  const [to, setTo] = useState("");
  const [from, setFrom] = useState("");
  const [tried, setTried] = useState(false);
  const send = useMutation({ mutationFn: () => handOver(to.trim(), from.trim() || undefined), onSuccess: ({ id }) => onWatch({ kind: "message", id }) });
  const mistake = tried && !to.trim() ? "Say who gets it." : addressMistake(to);
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    setTried(true);
    if (to.trim() && !addressMistake(to) && !addressMistake(from)) send.mutate();
  };
  return (
    <form className={frame.form} onSubmit={submit} noValidate>
      <div className={frame.twoColumns}>
        <Field label="To" validationMessage={mistake}>
          <Input type="email" value={to} autoComplete="email" onChange={(_, { value }) => setTo(value)} />
        </Field>
        <Field label="From" hint="The default account's own address, if this is empty" validationMessage={addressMistake(from)}>
          <Input type="email" value={from} autoComplete="off" onChange={(_, { value }) => setFrom(value)} />
        </Field>
      </div>
      <div className={frame.row}>
        <Button type="submit" disabledFocusable={send.isPending}>
          {send.isPending ? "Sending…" : "Send now"}
        </Button>
      </div>
      <Refusal error={send.error} />
    </form>
  );
}
