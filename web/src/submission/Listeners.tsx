import { Body1, Caption1, makeStyles, mergeClasses, Skeleton, SkeletonItem, tokens } from "@fluentui/react-components";
import { PlugDisconnectedRegular } from "@fluentui/react-icons";
import { useQuery } from "@tanstack/react-query";
import { type Listener, listeners } from "../api/mail";
import { Copyable } from "../parts/Copy";
import { Empty } from "../parts/Empty";
import { Failed } from "../parts/Failed";
import { Section } from "../parts/Page";
import { SimpleTable } from "../parts/SimpleTable";
import { useFrame } from "../parts/styles";
import { exactly, inDays } from "../parts/time";
import { ENCRYPTION, hostOf } from "./words";

/** From so many days on, the end of a certificate is told in red. */
const SOON_DAYS = 30;

const EXAMPLE = `[[submission]]
listen = "0.0.0.0:587"
tls    = "starttls"`;

const useStyles = makeStyles({
  soon: { color: tokens.colorPaletteRedForeground1, fontWeight: tokens.fontWeightSemibold },
  example: { margin: 0, padding: "12px", backgroundColor: tokens.colorNeutralBackground3, borderRadius: tokens.borderRadiusMedium, textAlign: "start", overflowX: "auto" },
});

/** Where devices connect to, as it is really open. */
export function Listeners() {
  const { data, error, refetch } = useQuery(listeners);
  return (
    <Section title="Listeners">
      {error && !data ? (
        <Failed error={error} retry={() => void refetch()} />
      ) : !data ? (
        <Skeleton aria-label="Loading listeners">
          <SkeletonItem size={64} />
        </Skeleton>
      ) : data.length === 0 ? (
        <None />
      ) : (
        <Table items={data} />
      )}
    </Section>
  );
}

function None() {
  const styles = useStyles();
  const frame = useFrame();
  return (
    <Empty icon={<PlugDisconnectedRegular />} text="No listener is open: devices can't hand mail over by SMTP">
      <Body1>Add one to the configuration file, and start Postern again. Programs can use the REST API and sendmail all the same.</Body1>
      <pre className={mergeClasses(styles.example, frame.mono)}>{EXAMPLE}</pre>
    </Empty>
  );
}

function Table({ items }: { items: Listener[] }) {
  const frame = useFrame();
  return (
    <SimpleTable
      label="Listeners"
      rows={items}
      rowKey={({ address }) => address}
      columns={[
        ["Server", (listener) => <Copyable value={hostOf(listener)} what="server" />],
        ["Port", ({ port }) => <Copyable value={String(port)} what="port" />],
        ["Encryption", ({ tls }) => ENCRYPTION[tls] ?? tls],
        [
          "Open at",
          ({ address, loopback }) => (
            <>
              <code className={frame.mono}>{address}</code>
              <Caption1 block className={frame.quiet}>
                {loopback ? "only programs of this machine reach it" : "reached from the network"}
              </Caption1>
            </>
          ),
        ],
        ["Certificate", (listener) => <CertificateOf listener={listener} />],
      ]}
    />
  );
}

function CertificateOf({ listener: { certificate, tls } }: { listener: Listener }) {
  const styles = useStyles();
  const frame = useFrame();
  if (!certificate) return <span className={frame.quiet}>{tls === "none" ? "none: nothing is encrypted" : "it can't be read"}</span>;
  const { source, days_left: days, not_after: end, self_signed: selfSigned } = certificate;
  return (
    <>
      <span className={days < SOON_DAYS ? styles.soon : frame.number} title={exactly(end)}>
        {days < 0 ? `expired ${inDays(days)}` : inDays(days)}
      </span>
      <Caption1 block className={frame.quiet}>
        {source === "own" ? "its own" : "the console's"}
        {selfSigned && ", self-signed: a device that checks certificates must be told to trust it"}
      </Caption1>
    </>
  );
}
