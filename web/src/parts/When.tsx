import { useEffect, useState } from "react";
import { ago, exactly } from "./time";

/** A time, relative to now, exact on hover. */
export function When({ at }: { at: string }) {
  const [now, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = window.setInterval(() => setNow(Date.now()), 60_000);
    return () => window.clearInterval(timer);
  }, []);
  return (
    <time dateTime={at} title={exactly(at)}>
      {ago(at, Math.max(now, Date.parse(at) > now ? now : Date.parse(at)))}
    </time>
  );
}
