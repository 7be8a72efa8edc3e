import { Link, useRestoreFocusTarget } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { type To, useHref, useLinkClickHandler } from "react-router";

/** A link to a page of the console. The focus comes back to it when what it opened over its own page is closed. */
export function TextLink({ to, state, children }: { to: To; state?: unknown; children: ReactNode }) {
  const follow = useLinkClickHandler(to, { state });
  const restore = useRestoreFocusTarget();
  return (
    <Link inline href={useHref(to)} {...restore} onClick={(event) => follow(event)}>
      {children}
    </Link>
  );
}
