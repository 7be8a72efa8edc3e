// The overview with mail: can my mail flow? The chart, the queue, the oldest that waits, and what is paused and why.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asConsole, enterConsole, giveAccount } from "./demo.js";
import { handOver } from "./device.js";
import { takePicture } from "./picture.js";

const { demo, page } = await enterConsole({ viewport: { width: 1280, height: 900 } });
const [{ upn: from }, { upn: to }] = demo.users;

const chart = () => page.getByRole("region", { name: "Mail over time" });
const queue = () => page.getByRole("region", { name: "The queue now" });
const total = (/** @type {string} */ word, /** @type {number} */ count) => chart().getByRole("list", { name: "Totals" }).getByText(`${word} ${count}`, { exact: true });
/** @param {string} subject @param {string} [recipient] */
const deviceSends = (subject, recipient = to) => handOver(demo.submission, { from, to: recipient, subject });

test("before there is any mail the overview says what to do, and that nothing waits", async () => {
  await page.getByText(/No account yet/).waitFor();
  await queue().getByText("Nothing waits.").waitFor();
  await total("Accepted", 0).waitFor();
  await chart().getByRole("button", { name: "Show as a table" }).click();
  await chart().getByText("There was no mail in this period.").waitFor();
});

test("mail that flows is counted as it goes, in the chart and in words", async () => {
  await giveAccount(page, demo);
  await page.getByText("Mail can flow.").waitFor();
  for (const subject of ["one", "two", "three"]) await deviceSends(subject);
  await total("Accepted", 3).waitFor();
  await total("Sent", 3).waitFor();
  await chart().getByRole("table", { name: "Mail over time" }).getByRole("row").filter({ has: page.getByRole("cell") }).first().waitFor();
  await chart().getByRole("figure", { name: /3 accepted, 3 sent, 0 put off, 0 failed/ }).waitFor();
  for (const period of ["Last 7 days", "Last 30 days"]) {
    await chart().getByLabel("Period").selectOption(period);
    await total("Sent", 3).waitFor();
  }
  await chart().getByLabel("Period").selectOption("Last 24 hours");
});

test("what waits is counted, and the oldest is one click away", async () => {
  await deviceSends("stuck", `451@${demo.domain}`);
  await queue().getByText(/^The oldest came/).waitFor();
  await takePicture(page, "overview");
  await queue().getByText(/The oldest came/).getByRole("link").click();
  await page.getByRole("dialog").getByRole("heading", { name: "stuck" }).waitFor();
  await page.keyboard.press("Escape");
  await page.getByRole("table", { name: "Messages" }).getByRole("row").filter({ hasText: "stuck" }).waitFor();
  await page.goto("/");
  await queue().getByRole("link", { name: "waiting" }).click();
  await page.getByRole("table", { name: "Messages" }).getByRole("row").filter({ hasText: "stuck" }).waitFor();
  await page.goto("/");
});

test("an account at fault is named, with why its mail waits and what to do", async () => {
  // Somebody has entered the secret's ID in place of its value.
  const wrong = { data: { credential: { kind: "secret", secret: "not-the-value" } }, headers: asConsole(demo) };
  assert.ok((await page.request.patch("/api/v1/accounts/contoso", wrong)).ok());
  await deviceSends("for nobody");
  await page.getByText("Mail can't flow.").waitFor();
  const paused = queue().getByRole("list", { name: "Paused accounts" }).getByRole("listitem").filter({ hasText: "contoso" });
  await paused.getByText(/is paused since/).waitFor();
  await paused.getByText(/waiting for it; the next probe is due/).waitFor();
  await paused.getByRole("link", { name: "See what to do" }).click();
  await page.getByRole("tab", { name: "Email Settings", selected: true }).waitFor();
});
