import { makeStyles, Tab, TabList, tokens } from "@fluentui/react-components";
import { Outlet, useLocation, useNavigate } from "react-router";
import { Page } from "../parts/Page";

const TABS = [
  { value: "general", name: "General" },
  { value: "email", name: "Email Settings" },
  { value: "inventory", name: "Inventory" },
  { value: "access", name: "Access" },
];

const useStyles = makeStyles({
  tabs: { borderBottom: `1px solid ${tokens.colorNeutralStroke2}`, overflowX: "auto", flexShrink: 0 },
});

export function SettingsPage() {
  const styles = useStyles();
  const navigate = useNavigate();
  const current = useLocation().pathname.split("/")[2] ?? "general";
  return (
    <Page title="Settings">
      <TabList className={styles.tabs} selectedValue={current} onTabSelect={(_, { value }) => void navigate(`/settings/${String(value)}`)}>
        {TABS.map(({ value, name }) => (
          <Tab key={value} value={value} id={`tab-${value}`} aria-controls={value === current ? "tab-panel" : undefined}>
            {name}
          </Tab>
        ))}
      </TabList>
      <div role="tabpanel" id="tab-panel" aria-labelledby={`tab-${current}`}>
        <Outlet />
      </div>
    </Page>
  );
}
