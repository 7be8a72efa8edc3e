import { Badge, Caption1 } from "@fluentui/react-components";
import { Copyable } from "./Copy";
import { useFrame } from "./styles";

/** The redirect URI that leads back to the address under which this page was opened. */
export function fittingUri(uris: string[]): string | undefined {
  return uris.find((uri) => uri === `${window.location.origin}/authorize`);
}

/** The redirect URIs to register, the fitting one marked. */
export function RedirectUris({ uris }: { uris: string[] }) {
  const frame = useFrame();
  const fitting = fittingUri(uris);
  return (
    <>
      <ul className={frame.list}>
        {uris.map((uri) => (
          <li key={uri} className={frame.row} style={{ rowGap: 0 }}>
            <Copyable value={uri} what="redirect URI" />
            {uri === fitting && (
              <Badge appearance="tint" color="success">
                Fits how you reach this console
              </Badge>
            )}
          </li>
        ))}
      </ul>
      {!fitting && (
        <Caption1>
          None of them fits {window.location.origin}: after signing in, the browser ends elsewhere. Set public_url in the configuration, or paste the address the browser ended at.
        </Caption1>
      )}
    </>
  );
}
