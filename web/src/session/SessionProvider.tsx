/**
 * Who is signed in, for the whole console. Without a session there is the sign-in page; when a session ends under a
 * page, a dialog over it asks for a new one and the page stays as it is, with what was typed.
 */
import { Spinner } from "@fluentui/react-components";
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useMemo, useRef, useState } from "react";
import { onSessionEnd } from "../api/client";
import { currentSession, type Session, signOut } from "../api/session";
import { Failed } from "../parts/Failed";
import { useFrame } from "../parts/styles";
import { SessionContext } from "./session";
import { SignInAgainDialog } from "./SignInAgainDialog";
import { SignInPage } from "./SignInPage";

const KEY = ["session"];

export function SessionProvider({ children }: { children: ReactNode }) {
  const frame = useFrame();
  const queries = useQueryClient();
  const { data: session, error, refetch } = useQuery({ queryKey: KEY, queryFn: ({ signal }) => currentSession(signal), staleTime: Infinity });
  const ended = useEndedSession(Boolean(session));

  const signedIn = useCallback((next: Session) => queries.setQueryData(KEY, next), [queries]);
  const leave = useCallback(() => {
    // A new start forgets all that the page has read.
    void signOut().finally(() => window.location.assign("/"));
  }, []);
  const value = useMemo(() => (session ? { session, leave } : null), [session, leave]);

  if (error) return <Failed error={error} retry={() => void refetch()} />;
  if (session === undefined) return <Spinner className={frame.centred} label="Loading" />;
  if (!value) return <SignInPage onSignedIn={signedIn} />;
  return (
    <SessionContext.Provider value={value}>
      {children}
      {ended.asking && (
        <SignInAgainDialog
          user={value.session.user}
          onSignedIn={(next) => {
            // Someone else must not go on with what this one typed.
            if (next.user !== value.session.user) window.location.assign("/");
            else {
              signedIn(next);
              ended.resume();
            }
          }}
          onLeave={() => window.location.assign("/")}
        />
      )}
    </SessionContext.Provider>
  );
}

/** Collects the requests that met an ended session, and lets them go on together. */
function useEndedSession(active: boolean) {
  const waiting = useRef<(() => void)[]>([]);
  const [asking, setAsking] = useState(false);
  useEffect(() => {
    if (!active) return;
    onSessionEnd(() => {
      setAsking(true);
      return new Promise<void>((resolve) => waiting.current.push(resolve));
    });
    return () => onSessionEnd(undefined);
  }, [active]);
  const resume = useCallback(() => {
    setAsking(false);
    waiting.current.splice(0).forEach((go) => go());
  }, []);
  return { asking, resume };
}
