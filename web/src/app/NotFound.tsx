import { Body1 } from "@fluentui/react-components";
import { Page } from "../parts/Page";
import { TextLink } from "../parts/TextLink";

export function NotFound() {
  return (
    <Page title="Not here">
      <Body1>
        The console has no such page. <TextLink to="/">Go to the overview.</TextLink>
      </Body1>
    </Page>
  );
}
