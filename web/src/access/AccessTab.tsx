import { useFrame } from "../parts/styles";
import { useMay } from "../session/session";
import { OwnSection } from "./OwnSection";
import { SessionsSection } from "./SessionsSection";
import { TokensSection } from "./TokensSection";
import { UsersSection } from "./UsersSection";

/** Who may use this console and the API. */
export function AccessTab() {
  const frame = useFrame();
  const administrator = useMay("administrator");
  return (
    <div className={frame.page}>
      {administrator && <UsersSection />}
      {administrator && <TokensSection />}
      <SessionsSection />
      <OwnSection />
    </div>
  );
}
