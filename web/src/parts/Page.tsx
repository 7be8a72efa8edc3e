import { mergeClasses } from "@fluentui/react-components";
import { type ReactNode, useEffect } from "react";
import { useFrame } from "./styles";

/** A page under its title, which is the window's title as well. */
export function Page({ title, actions, children }: { title: string; actions?: ReactNode; children: ReactNode }) {
  const frame = useFrame();
  useEffect(() => {
    document.title = `${title} · Postern`;
  }, [title]);
  return (
    <div className={frame.page}>
      <div className={frame.between}>
        <h1 className={frame.title}>{title}</h1>
        {actions}
      </div>
      {children}
    </div>
  );
}

/** A part of a page under its heading. */
export function Section({ title, actions, children, className }: { title: string; actions?: ReactNode; children: ReactNode; className?: string }) {
  const frame = useFrame();
  return (
    <section className={mergeClasses(frame.section, className)} aria-label={title}>
      <div className={frame.between}>
        <h2 className={frame.heading}>{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}
