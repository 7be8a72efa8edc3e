import { Caption1 } from "@fluentui/react-components";
import { useFrame } from "../parts/styles";

/** Beside a button: what it still needs. */
export function Missing({ id, names }: { id: string; names: string[] }) {
  const frame = useFrame();
  return (
    <Caption1 id={id} className={frame.quiet}>
      {names.length > 0 ? `Still missing: ${names.join(", ")}` : ""}
    </Caption1>
  );
}
