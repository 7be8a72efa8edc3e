import { makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { type KeyboardEvent, useRef } from "react";
import { Outlet, useLocation, useNavigate } from "react-router";
import { Page } from "../parts/Page";

const TABS = [
  { value: "general", name: "General" },
  { value: "email", name: "Email Settings" },
  { value: "inventory", name: "Inventory" },
  { value: "access", name: "Access" },
];

const useStyles = makeStyles({
  tabs: { display: "flex", borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowX: "auto", flexShrink: 0 },
  tab: {
    padding: "12px",
    border: "none",
    borderRadius: tokens.borderRadiusMedium,
    backgroundColor: "transparent",
    color: tokens.colorNeutralForeground2,
    fontFamily: "inherit",
    fontSize: tokens.fontSizeBase300,
    lineHeight: tokens.lineHeightBase300,
    whiteSpace: "nowrap",
    cursor: "pointer",
    ":hover": { boxShadow: `inset 0 -3px 0 ${tokens.colorNeutralStroke1Hover}` },
    ":focus-visible": { outline: `2px solid ${tokens.colorStrokeFocus2}`, outlineOffset: "-2px" },
  },
  current: {
    color: tokens.colorNeutralForeground1,
    fontWeight: tokens.fontWeightSemibold,
    boxShadow: `inset 0 -3px 0 ${tokens.colorCompoundBrandStroke}`,
    ":hover": { boxShadow: `inset 0 -3px 0 ${tokens.colorCompoundBrandStrokeHover}` },
  },
});

/** How far a key leads among the tabs (WAI-ARIA Authoring Practices, tabs pattern). */
const STEPS: Record<string, (at: number) => number> = {
  ArrowRight: (at) => (at + 1) % TABS.length,
  ArrowLeft: (at) => (at + TABS.length - 1) % TABS.length,
  Home: () => 0,
  End: () => TABS.length - 1,
};

/** The tabs are our own: Fluent's put focusable elements among them that are hidden from screen readers. */
export function SettingsPage() {
  const styles = useStyles();
  const navigate = useNavigate();
  const list = useRef<HTMLDivElement>(null);
  const current = useLocation().pathname.split("/")[2] ?? "general";
  const step = (event: KeyboardEvent) => {
    const tabs = [...(list.current?.querySelectorAll<HTMLElement>("[role=tab]") ?? [])];
    const next = STEPS[event.key]?.(tabs.findIndex((tab) => tab === document.activeElement));
    if (next === undefined) return;
    event.preventDefault();
    tabs[next]?.focus();
  };
  return (
    <Page title="Settings">
      <div role="tablist" ref={list} className={styles.tabs} onKeyDown={step}>
        {TABS.map(({ value, name }) => (
          <button
            key={value}
            type="button"
            role="tab"
            id={`tab-${value}`}
            aria-selected={value === current}
            aria-controls={value === current ? "tab-panel" : undefined}
            tabIndex={value === current ? 0 : -1}
            className={mergeClasses(styles.tab, value === current && styles.current)}
            onClick={() => void navigate(`/settings/${value}`)}
          >
            {name}
          </button>
        ))}
      </div>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${current}`}>
        <Outlet />
      </div>
    </Page>
  );
}
