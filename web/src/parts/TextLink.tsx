import { Link } from "@fluentui/react-components";
import type { ReactNode } from "react";
import { type To, useHref, useLinkClickHandler } from "react-router";

/** A link to a page of the console. */
export function TextLink({ to, state, children }: { to: To; state?: unknown; children: ReactNode }) {
  const follow = useLinkClickHandler(to, { state });
  return (
    <Link inline href={useHref(to)} onClick={(event) => follow(event)}>
      {children}
    </Link>
  );
}
