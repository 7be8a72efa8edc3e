import { Badge, Button, makeStyles, mergeClasses, tokens } from "@fluentui/react-components";
import { AddRegular } from "@fluentui/react-icons";
import { Link, useNavigate } from "react-router";
import type { Account } from "../api/queries";
import { AccountStatus } from "../parts/Status";
import { useFrame } from "../parts/styles";
import { useMay } from "../session/session";

const useStyles = makeStyles({
  list: { display: "flex", flexWrap: "wrap", gap: "8px", margin: 0, padding: 0, listStyleType: "none" },
  account: {
    display: "flex",
    alignItems: "center",
    gap: "8px",
    padding: "6px 12px",
    minHeight: "32px",
    boxSizing: "border-box",
    borderRadius: tokens.borderRadiusMedium,
    border: `1px solid ${tokens.colorNeutralStroke1}`,
    backgroundColor: tokens.colorNeutralBackground1,
    color: tokens.colorNeutralForeground1,
    textDecorationLine: "none",
    overflowWrap: "anywhere",
    ":hover": { backgroundColor: tokens.colorNeutralBackground1Hover },
  },
  current: { border: `1px solid ${tokens.colorCompoundBrandStroke}`, boxShadow: `inset 0 0 0 1px ${tokens.colorCompoundBrandStroke}` },
});

export function AccountList({ accounts, current }: { accounts: Account[]; current: Account | undefined }) {
  const styles = useStyles();
  const frame = useFrame();
  const navigate = useNavigate();
  const mayChange = useMay("administrator");
  return (
    <nav aria-label="Accounts" className={frame.row}>
      <ul className={styles.list}>
        {accounts.map((account) => (
          <li key={account.id}>
            <Link
              to={`/settings/email?account=${account.id}`}
              aria-current={account.id === current?.id ? "true" : undefined}
              className={mergeClasses(styles.account, account.id === current?.id && styles.current)}
            >
              {account.name} <AccountStatus account={account} />
              {account.default && accounts.length > 1 && (
                <Badge appearance="outline" color="informative">
                  Default
                </Badge>
              )}
            </Link>
          </li>
        ))}
      </ul>
      {mayChange && (
        <Button appearance="subtle" icon={<AddRegular />} onClick={() => void navigate("/settings/email?account=new")}>
          Add account
        </Button>
      )}
    </nav>
  );
}
