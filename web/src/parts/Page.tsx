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

interface SectionProps {
  title: string;
  /** For a title that people choose: a region named contoso would pass for the field To. */
  unnamed?: boolean;
  actions?: ReactNode;
  children: ReactNode;
}

/** A part of a page under its heading. */
export function Section({ title, unnamed = false, actions, children }: SectionProps) {
  const frame = useFrame();
  return (
    <section className={frame.section} aria-label={unnamed ? undefined : title}>
      <div className={frame.between}>
        <h2 className={frame.heading}>{title}</h2>
        {actions}
      </div>
      {children}
    </section>
  );
}
