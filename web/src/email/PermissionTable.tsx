import { Badge, Caption1, makeStyles, tokens } from "@fluentui/react-components";
import { CopyButton } from "../parts/Copy";
import { useFrame } from "../parts/styles";
import type { Draft } from "./draft";
import { PERMISSIONS } from "./permissions";

const useStyles = makeStyles({
  table: { width: "100%", borderCollapse: "collapse", fontSize: tokens.fontSizeBase200, "& th": { textAlign: "start", padding: "4px 8px 4px 0", color: tokens.colorNeutralForeground2, fontWeight: tokens.fontWeightSemibold }, "& td": { padding: "6px 8px 6px 0", verticalAlign: "top", borderTop: `1px solid ${tokens.colorNeutralStroke2}` } },
  type: { overflowWrap: "normal", whiteSpace: "nowrap" },
  name: { display: "flex", alignItems: "center", gap: "2px", fontWeight: tokens.fontWeightSemibold },
});

export function PermissionTable({ draft }: { draft: Draft }) {
  const styles = useStyles();
  const frame = useFrame();
  return (
    <table className={styles.table} aria-label="Permissions">
      <thead>
        <tr>
          <th scope="col">Permission</th>
          <th scope="col">Type</th>
          <th scope="col">Here</th>
        </tr>
      </thead>
      <tbody>
        {PERMISSIONS.map((permission) => {
          const needed = permission.needed(draft);
          return (
            <tr key={permission.name + permission.type}>
              <td>
                <div className={styles.name}>
                  {permission.name} <CopyButton value={permission.name} what={permission.name} />
                </div>
                <Caption1 className={frame.quiet}>{permission.purpose}</Caption1>
              </td>
              <td className={styles.type}>{permission.type}</td>
              <td>
                <Badge appearance="tint" color={needed ? "brand" : "informative"} style={{ whiteSpace: "nowrap" }}>
                  {needed ? "Needed" : "More than needed"}
                </Badge>
              </td>
            </tr>
          );
        })}
      </tbody>
    </table>
  );
}
