import { Field, Select } from "@fluentui/react-components";
import type { Role } from "../api/session";

const ROLES: [Role, string][] = [
  ["administrator", "May do everything"],
  ["operator", "May read, check accounts and send test mail"],
  ["viewer", "May read"],
];

export function RoleField({ role, onRole }: { role: Role; onRole: (role: Role) => void }) {
  return (
    <Field label="Role" hint={ROLES.find(([name]) => name === role)?.[1]}>
      <Select value={role} onChange={(_, { value }) => onRole(value as Role)}>
        {ROLES.map(([name]) => (
          <option key={name} value={name}>
            {name.charAt(0).toUpperCase() + name.slice(1)}
          </option>
        ))}
      </Select>
    </Field>
  );
}
