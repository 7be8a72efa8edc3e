import { Page } from "../parts/Page";
import { Listeners } from "./Listeners";
import { Refusals } from "./Refusals";
import { Submitters } from "./Submitters";
import { WatchSection } from "./WatchSection";

/** How machines hand mail over: where to, who may, and whether it arrives. */
export function SubmissionPage() {
  return (
    <Page title="Submission">
      <Listeners />
      <Submitters />
      <WatchSection />
      <Refusals />
    </Page>
  );
}
