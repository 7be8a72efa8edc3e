import { createContext, useContext } from "react";
import type { Role, Session } from "../api/session";

interface SessionValue {
  session: Session;
  /** Signs out and starts anew. */
  leave: () => void;
}

export const SessionContext = createContext<SessionValue | null>(null);

export function useSession(): SessionValue {
  const value = useContext(SessionContext);
  if (!value) throw new Error("useSession stands inside SessionProvider");
  return value;
}

const RANK: Record<Role, number> = { viewer: 0, operator: 1, administrator: 2 };

/** Whether whoever is signed in has at least this role. The server decides; this only spares people a refusal. */
export function useMay(role: Role): boolean {
  return RANK[useSession().session.role] >= RANK[role];
}
