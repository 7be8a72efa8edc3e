import { Avatar, Button, makeStyles, Menu, MenuDivider, MenuItem, MenuList, MenuPopover, MenuTrigger, tokens } from "@fluentui/react-components";
import { PersonAccountsRegular, SignOutRegular } from "@fluentui/react-icons";
import { useNavigate } from "react-router";
import { useSession } from "../session/session";

const useStyles = makeStyles({
  button: { color: "inherit", ":hover": { color: "inherit", backgroundColor: tokens.colorBrandBackgroundHover }, ":hover:active": { color: "inherit", backgroundColor: tokens.colorBrandBackgroundPressed } },
  who: { padding: "8px 12px", color: tokens.colorNeutralForeground2 },
});

export function UserMenu() {
  const styles = useStyles();
  const navigate = useNavigate();
  const { session, leave } = useSession();
  return (
    <Menu inline>
      <MenuTrigger disableButtonEnhancement>
        <Button appearance="subtle" className={styles.button} icon={<Avatar size={28} name={session.user} aria-hidden />}>
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
