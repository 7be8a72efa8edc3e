import { Field, Input, makeStyles, Select } from "@fluentui/react-components";
import { SearchRegular } from "@fluentui/react-icons";
import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { useSearchParams } from "react-router";
import { allSubmitters } from "../api/mail";
import { allAccounts } from "../api/queries";
import type { FilterName } from "./filter";
import { NOT_SENT, STATES, WAITING } from "./words";

/** So long after the last key a search begins. */
const PAUSE_MS = 300;

const useStyles = makeStyles({
  filters: { display: "grid", gridTemplateColumns: "repeat(auto-fit, minmax(150px, 1fr))", gap: "12px", alignItems: "end" },
  wide: { gridColumn: "1 / -1" },
});

export function Filters() {
  const styles = useStyles();
  const [search, setSearch] = useSearchParams();
  const accounts = useQuery(allAccounts).data ?? [];
  const submitters = useQuery(allSubmitters).data ?? [];
  const set = (name: FilterName, value: string) => {
    setSearch(
      (before) => {
        const next = new URLSearchParams(before);
        if (value) next.set(name, value);
        else next.delete(name);
        return next;
      },
      { replace: true },
    );
  };
  const named = (label: string, name: FilterName, things: { id: string; name: string }[]) => (
    <Field label={label}>
      <Select value={search.get(name) ?? ""} onChange={(_, { value }) => set(name, value)}>
        <option value="">All</option>
        {things.map(({ id, name: called }) => (
          <option key={id} value={id}>
            {called}
          </option>
        ))}
        <Unlisted value={search.get(name)} known={things.map(({ id }) => id)} />
      </Select>
    </Field>
  );
  const date = (label: string, name: FilterName) => (
    <Field label={label}>
      <Input type="date" value={search.get(name) ?? ""} onChange={(_, { value }) => set(name, value)} />
    </Field>
  );
  return (
    <div className={styles.filters} role="search" aria-label="Filter messages">
      <SearchField className={styles.wide} value={search.get("q") ?? ""} onValue={(value) => set("q", value)} />
      <Field label="State">
        <Select value={search.get("state") ?? ""} onChange={(_, { value }) => set("state", value)}>
          <option value="">All</option>
          <option value={WAITING}>Waiting or being sent</option>
          <option value={NOT_SENT}>Failed or expired</option>
          {Object.entries(STATES).map(([state, [word]]) => (
            <option key={state} value={state}>
              {word}
            </option>
          ))}
          <Unlisted value={search.get("state")} known={[WAITING, NOT_SENT, ...Object.keys(STATES)]} />
        </Select>
      </Field>
      {named("Account", "account", accounts)}
      {named("Submitter", "submitter", submitters)}
      {date("Received from", "since")}
      {date("Received to", "until")}
    </div>
  );
}

/** A value out of the address that isn't offered: it must be seen, for it counts. */
function Unlisted({ value, known }: { value: string | null; known: string[] }) {
  return value && !known.includes(value) ? <option value={value}>{value}</option> : null;
}

/** Asks when the typing pauses, not at each key: a search over a million messages takes its time. */
function SearchField({ value, onValue, className }: { value: string; onValue: (value: string) => void; className: string }) {
  const [typed, setTyped] = useState(value);
  const [asked, setAsked] = useState(value);
  const [seen, setSeen] = useState(value);
  if (value !== seen) {
    setSeen(value);
    // Somebody else has changed it: a link that shows all, or the browser's way back.
    if (value !== asked) {
      setTyped(value);
      setAsked(value);
    }
  }
  const ask = (text: string) => {
    setAsked(text);
    onValue(text);
  };
  useEffect(() => {
    const text = typed.trim();
    if (text === asked) return;
    const timer = window.setTimeout(() => ask(text), PAUSE_MS);
    return () => window.clearTimeout(timer);
  });
  return (
    <Field label="Search" className={className}>
      <Input
        type="search"
        contentBefore={<SearchRegular />}
        placeholder="Sender, recipient, subject, Message-ID"
        value={typed}
        onChange={(_, data) => setTyped(data.value)}
        onKeyDown={({ key }) => key === "Enter" && ask(typed.trim())}
      />
    </Field>
  );
}
