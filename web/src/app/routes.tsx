/** Every address of the console, in one place. Each page is a file of its own that is loaded when it is opened. */
import { Spinner } from "@fluentui/react-components";
import { createBrowserRouter, Navigate, useRouteError } from "react-router";
import { Failed } from "../parts/Failed";
import { NotFound } from "./NotFound";
import { Shell } from "./Shell";

export const router = createBrowserRouter([
  { path: "/setup", ErrorBoundary: RouteFailed, HydrateFallback: Waiting, lazy: async () => ({ Component: (await import("../session/SetupPage")).SetupPage }) },
  {
    path: "/",
    Component: Shell,
    ErrorBoundary: RouteFailed,
    children: [
      {
        ErrorBoundary: RouteFailed,
        HydrateFallback: Waiting,
        children: [
          { index: true, lazy: async () => ({ Component: (await import("../overview/OverviewPage")).OverviewPage }) },
          { path: "mail/:message?", lazy: async () => ({ Component: (await import("../mail/MailPage")).MailPage }) },
          { path: "submission", lazy: async () => ({ Component: (await import("../submission/SubmissionPage")).SubmissionPage }) },
          { path: "audit", lazy: async () => ({ Component: (await import("../audit/AuditPage")).AuditPage }) },
          {
            path: "settings",
            lazy: async () => ({ Component: (await import("../settings/SettingsPage")).SettingsPage }),
            children: [
              { index: true, element: <Navigate to="general" replace /> },
              { path: "general", lazy: async () => ({ Component: (await import("../settings/GeneralTab")).GeneralTab }) },
              { path: "email/certificates?", lazy: async () => ({ Component: (await import("../email/EmailTab")).EmailTab }) },
              { path: "inventory/certificates?", lazy: async () => ({ Component: (await import("../certificates/InventoryTab")).InventoryTab }) },
              { path: "inventory/list", lazy: async () => ({ Component: (await import("../certificates/CertificatesPage")).CertificatesPage }) },
              { path: "access", lazy: async () => ({ Component: (await import("../access/AccessTab")).AccessTab }) },
            ],
          },
          { path: "*", Component: NotFound },
        ],
      },
    ],
  },
]);

function Waiting() {
  return <Spinner />;
}

function RouteFailed() {
  return <Failed error={useRouteError()} retry={() => window.location.reload()} />;
}
