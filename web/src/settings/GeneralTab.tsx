import { Link, makeStyles, Skeleton, SkeletonItem, tokens } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { serverStatus } from "../api/queries";
import { Failed } from "../parts/Failed";
import { Section } from "../parts/Page";
import { RedirectUris } from "../parts/RedirectUris";
import { useFrame } from "../parts/styles";

const useStyles = makeStyles({
  facts: { display: "grid", gridTemplateColumns: "max-content 1fr", gap: "8px 24px", margin: 0, "& dt": { color: tokens.colorNeutralForeground3 }, "& dd": { margin: 0, overflowWrap: "anywhere" } },
});

export function GeneralTab() {
  const styles = useStyles();
  const frame = useFrame();
  const { data, error, refetch } = useQuery(serverStatus);
  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (!data)
    return (
      <Skeleton aria-label="Loading">
        <SkeletonItem size={96} />
      </Skeleton>
    );
  return (
    <div className={frame.page}>
      <Section title="This server">
        <dl className={styles.facts}>
          <dt>Version</dt>
          <dd>{data.version}</dd>
          <dt>Public URL</dt>
          <dd>{data.public_url ?? "Not set: set public_url in the configuration when people reach the console by a name of its own"}</dd>
          <dt>REST API</dt>
          <dd>
            <Link href="/api/docs/" target="_blank">
              Browse it
            </Link>{" "}
            ·{" "}
            <Link href="/api/v1/openapi.json" target="_blank">
              OpenAPI document
            </Link>
          </dd>
        </dl>
      </Section>
      <Section title="Redirect URIs">
        <RedirectUris uris={data.redirect_uris} />
      </Section>
    </div>
  );
}
