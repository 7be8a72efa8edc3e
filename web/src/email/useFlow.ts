/** The sign-in under way for an account. It outlives the page: whoever comes back, or reloads, finds it as it is then. */
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { answer, api } from "../api/client";
import type { Account, Authorization } from "../api/queries";

interface KnownFlow {
  flow: Authorization | null;
  begin: (flow: Authorization, account: Account) => void;
  forget: () => void;
}

const keyOf = (account: Account) => `sign-in of ${account.id}`;

export function useFlow(account: Account | undefined): KnownFlow {
  const [begun, setBegun] = useState<Authorization | null>(null);
  const [kept, setKept] = useState(() => (account ? sessionStorage.getItem(keyOf(account)) : null));
  const { data: found } = useQuery({
    queryKey: ["kept sign-in", kept],
    enabled: kept !== null,
    staleTime: Infinity,
    queryFn: async ({ signal }) => {
      const flow = await answer(api.GET("/authorizations/{authorization}", { params: { path: { authorization: kept ?? "" } }, signal }));
      return flow.status === "waiting" || flow.status === "pending" ? flow : null;
    },
  });
  return {
    flow: begun ?? (kept === null ? null : (found ?? null)),
    begin: (flow, of) => {
      sessionStorage.setItem(keyOf(of), flow.id);
      setBegun(flow);
    },
    forget: () => {
      if (account) sessionStorage.removeItem(keyOf(account));
      setBegun(null);
      setKept(null);
    },
  };
}
