import { Caption1 } from "@fluentui/react-components";
import { useQuery } from "@tanstack/react-query";
import { refusals } from "../api/mail";
import { Section } from "../parts/Page";
import { SimpleTable } from "../parts/SimpleTable";
import { useFrame } from "../parts/styles";
import { When } from "../parts/When";

const MOST_SHOWN = 10;

/** Who was turned away last: what a device that "doesn't work" has met. */
export function Refusals() {
  const frame = useFrame();
  const { data = [] } = useQuery(refusals);
  if (data.length === 0) return null;
  return (
    <Section title="Refused lately">
      <SimpleTable
        label="Refused lately"
        rows={data.slice(0, MOST_SHOWN).map((refused, index) => ({ ...refused, key: String(index) }))}
        rowKey={({ key }) => key}
        columns={[
          ["When", ({ at }) => <When at={at} />],
          ["From", ({ source }) => source || <span className={frame.quiet}>not known</span>],
          ["Submitter", ({ submitter }) => submitter || <span className={frame.quiet}>nobody yet</span>],
          [
            "Answer",
            ({ code, enhanced, text }) => (
              <>
                <code className={frame.mono}>
                  {code} {enhanced}
                </code>{" "}
                {text}
              </>
            ),
          ],
        ]}
      />
      <Caption1 className={frame.quiet}>
        The last of those since the server was started{data.length > MOST_SHOWN ? `, ${MOST_SHOWN} of ${data.length}` : ""}. 4xx: the device tries again; 5xx: it gives up.
      </Caption1>
    </Section>
  );
}
