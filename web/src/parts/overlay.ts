/**
 * A dialog over a page, with an address of its own. Closing it goes back where it was opened from that page, so that the
 * browser's Back doesn't open it once more.
 */
import { type To, useLocation, useNavigate } from "react-router";

/** What the history keeps of an address that was opened over its page. */
export const OVER = { over: true } as const;

/** Closes what lies over `page`; `state` is the page's own, for when it wasn't come from there. */
export function useClose(page: To, state?: unknown): () => void {
  const navigate = useNavigate();
  const here = useLocation().state as { over?: boolean } | null;
  return () => void (here?.over ? navigate(-1) : navigate(page, { replace: true, state }));
}
