/** The house around every page: header, left pane, and what must be seen from everywhere. */
import { makeStyles, mergeClasses, MessageBarBody, MessageBarTitle, Spinner, tokens } from "@fluentui/react-components";
import { ClipboardTaskListLtrRegular, HomeRegular, MailRegular, PlugConnectedRegular, SettingsRegular } from "@fluentui/react-icons";
import { Suspense } from "react";
import { NavLink, Outlet, useNavigation } from "react-router";
import { useLiveUpdates } from "../api/live";
import { Notice } from "../parts/Notice";
import { useFrame } from "../parts/styles";
import { SessionProvider } from "../session/SessionProvider";
import { UserMenu } from "./UserMenu";

const PAGES = [
  { to: "/", name: "Overview", icon: <HomeRegular /> },
  { to: "/mail", name: "Mail", icon: <MailRegular /> },
  { to: "/submission", name: "Submission", icon: <PlugConnectedRegular /> },
  { to: "/audit", name: "Audit", icon: <ClipboardTaskListLtrRegular /> },
  { to: "/settings", name: "Settings", icon: <SettingsRegular /> },
];
const SMALL = "@media (max-width: 760px)";
/** There the names stand under their signs, so that all five are in view. */
const TELEPHONE = "@media (max-width: 520px)";

const useStyles = makeStyles({
  root: {
    display: "grid",
    minHeight: "100vh",
    gridTemplateColumns: "208px minmax(0, 1fr)",
    gridTemplateRows: "48px minmax(0, 1fr)",
    backgroundColor: tokens.colorNeutralBackground2,
    [SMALL]: { gridTemplateColumns: "minmax(0, 1fr)", gridTemplateRows: "48px auto minmax(0, 1fr)" },
  },
  header: {
    gridColumn: "1 / -1",
    position: "sticky",
    top: 0,
    zIndex: 2,
    display: "flex",
    alignItems: "center",
    justifyContent: "space-between",
    padding: "0 8px 0 16px",
    backgroundColor: tokens.colorBrandBackground,
    color: tokens.colorNeutralForegroundOnBrand,
  },
  brand: { display: "flex", alignItems: "center", gap: "10px", fontWeight: tokens.fontWeightSemibold, fontSize: tokens.fontSizeBase400, color: "inherit", textDecorationLine: "none" },
  pane: {
    position: "sticky",
    top: "48px",
    alignSelf: "start",
    padding: "12px 8px",
    [SMALL]: { padding: "4px 8px", borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, position: "static", alignSelf: "stretch", overflowX: "auto" },
  },
  links: { display: "flex", flexDirection: "column", gap: "2px", margin: 0, padding: 0, listStyleType: "none", [SMALL]: { flexDirection: "row" }, [TELEPHONE]: { justifyContent: "space-between" } },
  link: {
    display: "flex",
    alignItems: "center",
    gap: "10px",
    minHeight: "36px",
    padding: "0 12px",
    borderRadius: tokens.borderRadiusMedium,
    color: tokens.colorNeutralForeground2,
    textDecorationLine: "none",
    "& svg": { fontSize: "20px", flexShrink: 0 },
    ":hover": { backgroundColor: tokens.colorNeutralBackground2Hover },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}` },
    [TELEPHONE]: { flexDirection: "column", justifyContent: "center", gap: "2px", minHeight: "44px", padding: "4px 6px", fontSize: tokens.fontSizeBase200 },
  },
  current: {
    color: tokens.colorNeutralForeground1,
    fontWeight: tokens.fontWeightSemibold,
    backgroundColor: tokens.colorNeutralBackground2Selected,
    boxShadow: `inset 3px 0 0 ${tokens.colorCompoundBrandStroke}`,
    [SMALL]: { boxShadow: `inset 0 -3px 0 ${tokens.colorCompoundBrandStroke}` },
  },
  main: { padding: "20px 24px 48px", outlineStyle: "none", minWidth: 0, [SMALL]: { padding: "12px 12px 40px" } },
  down: { marginBottom: "12px" },
  skip: {
    position: "absolute",
    left: "-999px",
    ":focus": { left: "8px", top: "8px", zIndex: 3, padding: "8px", backgroundColor: tokens.colorNeutralBackground1, color: tokens.colorNeutralForeground1 },
  },
});

export function Shell() {
  return (
    <SessionProvider>
      <Frame />
    </SessionProvider>
  );
}

function Frame() {
  const styles = useStyles();
  const frame = useFrame();
  const connected = useLiveUpdates();
  const loading = useNavigation().state === "loading";
  return (
    <div className={styles.root}>
      <header className={styles.header}>
        <a className={styles.skip} href="#main">
          Skip to the page
        </a>
        <NavLink to="/" className={styles.brand}>
          Postern
        </NavLink>
        <UserMenu />
      </header>
      <nav className={styles.pane} aria-label="Pages">
        <ul className={styles.links}>
          {PAGES.map(({ to, name, icon }) => (
            <li key={to}>
              <NavLink to={to} end={to === "/"} className={({ isActive }) => mergeClasses(styles.link, isActive && styles.current)}>
                {icon}
                {name}
              </NavLink>
            </li>
          ))}
        </ul>
      </nav>
      <main id="main" className={styles.main} tabIndex={-1} aria-busy={loading}>
        {!connected && (
          <Notice intent="warning" className={styles.down}>
            <MessageBarBody>
              <MessageBarTitle>Postern can't be reached.</MessageBarTitle> What you see may be old. This page goes on by itself once the server answers again.
            </MessageBarBody>
          </Notice>
        )}
        <Suspense fallback={<Spinner className={frame.centred} />}>
          <Outlet />
        </Suspense>
      </main>
    </div>
  );
}
