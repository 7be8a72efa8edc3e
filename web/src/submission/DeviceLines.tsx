import { Field, makeStyles, MessageBarBody, MessageBarTitle, Select, tokens } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Listener, listeners } from "../api/mail";
import { Copyable } from "../parts/Copy";
import { Notice } from "../parts/Notice";
import { useFrame } from "../parts/styles";
import { ENCRYPTION, hostOf } from "./words";

const useStyles = makeStyles({
  lines: {
    display: "grid",
    gridTemplateColumns: "max-content minmax(0, 1fr)",
    gap: "8px 16px",
    alignItems: "center",
    margin: 0,
    padding: "12px 16px",
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    borderRadius: tokens.borderRadiusMedium,
    "& dt": { color: tokens.colorNeutralForeground3 },
    "& dd": { margin: 0, display: "flex", flexWrap: "wrap", alignItems: "center", columnGap: "12px" },
  },
});

interface Props {
  userName: string | null | undefined;
  /** Known only when it has just been made. */
  password?: string | undefined;
}

/** The three lines to type into the device: where to, and as whom. */
export function DeviceLines({ userName, password }: Props) {
  const styles = useStyles();
  const frame = useFrame();
  const { data = [] } = useQuery(listeners);
  const [chosen, setChosen] = useState("");
  const listener = data.find(({ address }) => address === chosen) ?? usual(data);
  if (!listener)
    return (
      <Notice intent="warning">
        <MessageBarBody>
          <MessageBarTitle>No listener is open.</MessageBarTitle> Add <code className={frame.mono}>[[submission]]</code> to the configuration before devices can connect.
        </MessageBarBody>
      </Notice>
    );
  return (
    <>
      {data.length > 1 && (
        <Field label="Listener">
          <Select value={listener.address} onChange={(_, { value }) => setChosen(value)}>
            {data.map((one) => (
              <option key={one.address} value={one.address}>
                {one.address}, {ENCRYPTION[one.tls] ?? one.tls}
                {one.loopback ? ", this machine only" : ""}
              </option>
            ))}
          </Select>
        </Field>
      )}
      <dl className={styles.lines}>
        <dt>Server</dt>
        <dd>
          <Copyable value={hostOf(listener)} what="server" />
        </dd>
        <dt>Port</dt>
        <dd>
          <Copyable value={String(listener.port)} what="port" />
          <span className={frame.quiet}>Encryption: {ENCRYPTION[listener.tls] ?? listener.tls}</span>
        </dd>
        <dt>User name</dt>
        <dd>{userName ? <Copyable value={userName} what="user name" /> : <span className={frame.quiet}>none: it is known by its network</span>}</dd>
        {userName && (
          <>
            <dt>Password</dt>
            <dd>{password ? <Copyable value={password} what="password" /> : <span className={frame.quiet}>as it was shown when it was made</span>}</dd>
          </>
        )}
      </dl>
    </>
  );
}

/** One that the network reaches and that encrypts, where there is one. */
function usual(all: Listener[]): Listener | undefined {
  const worth = ({ loopback, tls }: Listener) => (loopback ? 0 : 2) + (tls === "none" ? 0 : 1);
  return [...all].sort((a, b) => worth(b) - worth(a))[0];
}
