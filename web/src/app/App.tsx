import { FluentProvider, Toaster, webDarkTheme, webLightTheme } from "@fluentui/react-components";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "react-router";
import { ErrorBoundary } from "./ErrorBoundary";
import { queryClient } from "./queryClient";
import { router } from "./routes";
import { TOASTER } from "./toasts";
import { useDarkPreferred } from "./useDarkPreferred";

export function App() {
  const dark = useDarkPreferred();
  return (
    <FluentProvider theme={dark ? webDarkTheme : webLightTheme} style={{ minHeight: "100vh" }}>
      <ErrorBoundary>
        <QueryClientProvider client={queryClient}>
          <RouterProvider router={router} />
          <Toaster toasterId={TOASTER} position="bottom-end" />
        </QueryClientProvider>
      </ErrorBoundary>
    </FluentProvider>
  );
}
