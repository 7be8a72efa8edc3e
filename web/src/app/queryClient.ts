import { QueryClient } from "@tanstack/react-query";
import { Problem } from "../api/problem";

/** Refusals are answers and not tried again; a server that can't be reached is, for about half a minute. */
export const queryClient = new QueryClient({
  defaultOptions: {
    queries: {
      networkMode: "always",
      staleTime: 5_000,
      retry: (failures, error) => !(error instanceof Problem && error.status < 500) && failures < 5,
      retryDelay: (attempt) => Math.min(500 * 2 ** attempt, 10_000),
    },
    mutations: { networkMode: "always", retry: false },
  },
});
