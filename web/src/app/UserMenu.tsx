import { Button, makeStyles, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger, tokens } from "@fluentui/react-components";
import { PersonAccountsRegular, SignOutRegular } from "@fluentui/react-icons";
import { useNavigate } from "react-router";
import { useSession } from "../session/session";

const useStyles = makeStyles({
  button: { color: "inherit", ":hover": { color: "inherit", backgroundColor: tokens.colorBrandBackgroundHover }, ":hover:active": { color: "inherit", backgroundColor: tokens.colorBrandBackgroundPressed } },
  place: { width: "28px", height: "28px" },
  // Fluent's Avatar does the same for more than 3 kB of the first load.
  initial: {
    display: "grid",
    placeItems: "center",
    width: "28px",
    height: "28px",
    // The button's place for a picture is narrower.
    flexShrink: 0,
    borderRadius: tokens.borderRadiusCircular,
    backgroundColor: tokens.colorBrandBackground2,
    color: tokens.colorBrandForeground2,
    fontSize: tokens.fontSizeBase200,
    fontWeight: tokens.fontWeightSemibold,
  },
  who: { padding: "8px 12px", color: tokens.colorNeutralForeground2 },
});

export function UserMenu() {
  const styles = useStyles();
  const navigate = useNavigate();
  const { session, leave } = useSession();
  return (
    <Menu inline>
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="subtle" className={styles.button} icon={{ className: styles.place, children: <Initial of={session.user} /> }}>
          {session.user}
        </Button>
      </MenuTrigger>
      <MenuPopover>
        <div className={styles.who}>
          {session.user}, {session.role}
        </div>
        <MenuDivider />
        <MenuList>
          <MenuItem icon={<PersonAccountsRegular />} onClick={() => void navigate("/settings/access")}>
            Password and sessions
          </MenuItem>
          <MenuItem icon={<SignOutRegular />} onClick={leave}>
            Sign out
          </MenuItem>
        </MenuList>
      </MenuPopover>
    </Menu>
  );
}

function Initial({ of: user }: { of: string }) {
  const styles = useStyles();
  return (
    <span className={styles.initial} aria-hidden="true">
      {Array.from(user)[0]?.toUpperCase()}
    </span>
  );
}
