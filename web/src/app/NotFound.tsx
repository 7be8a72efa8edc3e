import { Body1 } from "@fluentui/react-components";
import { Link } from "react-router";
import { Page } from "../parts/Page";

export function NotFound() {
  return (
    <Page title="Not here">
      <Body1>
        The console has no such page. <Link to="/">Go to the overview.</Link>
      </Body1>
    </Page>
  );
}
