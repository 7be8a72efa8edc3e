// Mail in the console: a message appears by itself, its story is told, it is found among many, and put right when it
// doesn't go. With PICTURES=folder the screens on the way are kept, for the guide.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asConsole, enterConsole, giveAccount, giveUsers, openConsole, signIn } from "./demo.js";
import { handOver } from "./device.js";
import { keyboard } from "./keyboard.js";
import { takePicture } from "./picture.js";

const PASSWORD = "a sentence that is long enough";

const { demo, browser, page } = await enterConsole({ viewport: { width: 1280, height: 800 } });
const [{ upn: from }, { upn: to }] = demo.users;
await giveAccount(page, demo);
await giveUsers(page, demo, PASSWORD);

const table = () => page.getByRole("table", { name: "Messages" });
const row = (/** @type {string | RegExp} */ subject) => table().getByRole("row").filter({ hasText: subject });
const story = () => page.getByRole("dialog");
const events = () => story().getByRole("list", { name: "History" }).getByRole("listitem");

/** The device hands a message over. @param {string} subject @param {string} [recipient] */
const deviceSends = (subject, recipient = to) => handOver(demo.submission, { from, to: recipient, subject });

async function bySmtp() {
  for (const [method, path, data] of /** @type {const} */ ([["PATCH", "accounts/contoso", { transport: "smtp" }], ["POST", "accounts/contoso/authorize", {}]])) {
    const answer = await page.request.fetch(`/api/v1/${path}`, { method, data, headers: asConsole(demo) });
    assert.ok(answer.ok(), await answer.text());
  }
}

/** Opens a message's story out of the list. @param {string} subject */
async function open(subject) {
  await row(subject).getByRole("link", { name: subject }).click();
  await story().getByRole("heading", { name: subject }).waitFor();
}

test("a message that a device hands over appears by itself, and its story is told", async () => {
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Mail" }).click();
  await page.getByText("No mail yet").waitFor();
  await deviceSends("Scan 1 from the second floor");
  await row("Scan 1").getByText("Sent", { exact: true }).waitFor();
  for (const words of [from, to, "device", "by contoso"]) await row("Scan 1").getByText(words).first().waitFor();
  assert.match((await row("Scan 1").locator("time").first().getAttribute("title")) ?? "", /UTC/);

  await open("Scan 1 from the second floor");
  assert.match(new URL(page.url()).pathname, /^\/mail\/[0-9a-f-]{36}$/);
  await story().getByText(/^Microsoft 365 has accepted it for its recipient\./).waitFor();
  await events().filter({ hasText: "Accepted from device" }).getByText(/It came from 127\.0\.0\.1/).waitFor();
  const attempt = events().filter({ hasText: "Attempt 1: Accepted by Microsoft 365" });
  for (const words of ["Microsoft Graph", "Request ID"]) await attempt.getByText(words).waitFor();
  await story().getByRole("table", { name: "Recipients" }).getByRole("row", { name: new RegExp(`${to}.*Sent`) }).waitFor();
  for (const name of ["Retry now", "Hold", "Release", "Cancel message"]) assert.equal(await story().getByRole("button", { name }).count(), 0, name);

  // Its address leads to it, by itself.
  const address = page.url();
  await page.goto("about:blank");
  await page.goto(address);
  await story().getByRole("heading", { name: "Scan 1 from the second floor" }).waitFor();
  await story().getByRole("button", { name: "Close" }).click();
  await story().waitFor({ state: "hidden" });
  assert.equal(new URL(page.url()).pathname, "/mail");
  assert.equal((await demo.mailbox(to)).length, 1, "it is in the mailbox");
});

test("the keyboard opens a story, and closes it where it began", async () => {
  const keys = keyboard(page);
  await keys.reachIn(table(), "link", "Scan 1 from the second floor");
  await keys.press("Enter");
  await story().getByRole("heading", { name: "Scan 1 from the second floor" }).waitFor();
  await keys.press("Escape");
  await story().waitFor({ state: "hidden" });
  await keys.at("link", "Scan 1 from the second floor");
});

test("filters and search narrow the list, together and in the address", async () => {
  for (const subject of ["Backup of 29 November", "Backup of 30 November"]) await deviceSends(subject, demo.users[2].upn);
  await row("30 November").getByText("Sent", { exact: true }).waitFor();
  await page.getByLabel("Search", { exact: true }).fill("backup OF");
  await row("Scan 1").waitFor({ state: "hidden" });
  await row("29 November").waitFor();
  assert.match(page.url(), /q=backup\+OF/);
  await page.getByLabel("Search", { exact: true }).fill(demo.users[2].upn);
  await row("30 November").waitFor();
  await page.getByLabel("State", { exact: true }).selectOption("Held");
  await page.getByText("No message fits").waitFor();
  await page.getByRole("link", { name: "Show all messages" }).click();
  await row("Scan 1").waitFor();
  assert.equal(await page.getByLabel("Search", { exact: true }).inputValue(), "");

  await page.getByLabel("Submitter", { exact: true }).selectOption("device");
  await page.getByLabel("Account", { exact: true }).selectOption("contoso");
  await page.getByLabel("State", { exact: true }).selectOption("Sent");
  await row("29 November").waitFor();
  await page.reload();
  await row("29 November").waitFor();
  const days = await page.evaluate(() => [0, 1].map((ahead) => new Date(Date.now() + ahead * 86_400_000).toLocaleDateString("sv-SE")));
  await page.getByLabel("Received to", { exact: true }).fill(days[0] ?? "");
  await row("Scan 1").waitFor();
  await page.getByLabel("Received from", { exact: true }).fill(days[1] ?? "");
  await page.getByText("No message fits").waitFor();
  // A story opened out of a filtered list leads back to it.
  await page.getByLabel("Received from", { exact: true }).fill("");
  await open("Scan 1 from the second floor");
  await page.keyboard.press("Escape");
  assert.match(page.url(), /state=sent/);
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Mail" }).click();
  await row("Scan 1").waitFor();
});

test("what Microsoft doesn't take now is held, released, retried and cancelled by a person", async () => {
  // By SMTP: Exchange doesn't say when to come again, so that the next try is a minute away.
  await bySmtp();
  await deviceSends("Invoice 17", `once.451@${demo.domain}`);
  await row("Invoice 17").getByText("Deferred", { exact: true }).waitFor();
  await open("Invoice 17");
  await events().filter({ hasText: "Attempt 1: Put off" }).waitFor();
  await events().filter({ hasText: "Next try" }).waitFor();
  await takePicture(page, "message");

  await story().getByRole("button", { name: "Hold", exact: true }).click();
  await story().getByText("It is held back until somebody releases or cancels it.").waitFor();
  await events().filter({ hasText: `Held by user:${demo.user}` }).waitFor();
  await story().getByRole("button", { name: "Release", exact: true }).click();
  await events().filter({ hasText: `Released by user:${demo.user}` }).waitFor();
  await story().getByText(/^Microsoft 365 has accepted it/).waitFor();
  await events().filter({ hasText: "Attempt 2: Accepted by Microsoft 365" }).waitFor();
  await page.keyboard.press("Escape");
  await row("Invoice 17").getByText("Sent", { exact: true }).waitFor();

  await deviceSends("Sent by mistake", `451@${demo.domain}`);
  await row("Sent by mistake").getByText("Deferred", { exact: true }).waitFor();
  await open("Sent by mistake");
  await story().getByRole("button", { name: "Cancel message" }).click();
  const asking = page.getByRole("dialog", { name: "Cancel Message" });
  await asking.getByRole("button", { name: "Keep it" }).click();
  await asking.waitFor({ state: "hidden" });
  await story().getByRole("button", { name: "Cancel message" }).click();
  await asking.getByText("Sent by mistake").waitFor();
  await asking.getByRole("button", { name: "Cancel message" }).click();
  await story().getByText("It was called off and is not sent.").waitFor();
  // Whoever called it off may think again.
  await story().getByRole("button", { name: "Retry now", exact: true }).click();
  await events().filter({ hasText: `Tried again by user:${demo.user}` }).waitFor();
  await events().filter({ hasText: "Attempt 2: Put off" }).waitFor();
  await page.keyboard.press("Escape");
  await page.goto("/audit?action=message.cancel");
  await page.getByRole("table", { name: "Audit log" }).getByText("Message cancelled").waitFor();
});

test("what was done meanwhile is said, and the story shown as it is now", async () => {
  await page.goto("/mail");
  await deviceSends("Two hands", `451@${demo.domain}`);
  await row("Two hands").getByText("Deferred", { exact: true }).waitFor();
  await open("Two hands");
  // Somebody else is quicker, and this page doesn't hear of it in time.
  await page.route("**/api/v1/events", (route) => route.abort());
  const id = new URL(page.url()).pathname.split("/").at(-1);
  await page.route("**/hold", async (route) => {
    await page.request.post(`/api/v1/messages/${id}/cancel`, { headers: asConsole(demo) });
    await route.continue();
  });
  await story().getByRole("button", { name: "Hold", exact: true }).click();
  await story().getByRole("alert").getByText(/The message is cancelled/).waitFor();
  await story().getByText("It was called off and is not sent.").waitFor();
  await page.unroute("**/hold");
  await page.unroute("**/api/v1/events");
});

test("a viewer looks and touches nothing; an operator may act", async () => {
  await deviceSends("For the operator", `451@${demo.domain}`);
  for (const [user, buttons] of /** @type {const} */ ([["vera", 0], ["otto", 1]])) {
    const other = await openConsole(browser, demo);
    await other.page.goto("/mail?state=queued,sending,deferred");
    await signIn(other.page, { user, password: PASSWORD });
    await other.page.getByRole("link", { name: "For the operator" }).click();
    await other.page.getByRole("dialog").getByText("Attempt 1: Put off").waitFor();
    for (const name of ["Hold", "Retry now", "Cancel message"]) assert.equal(await other.page.getByRole("button", { name, exact: true }).count(), buttons, `${user}: ${name}`);
    await other.close();
  }
});

test("what is not there is said to be not there", async () => {
  await page.goto("/mail/00000000-0000-7000-8000-000000000000");
  await story().getByText(/There is no such message/).waitFor();
  await page.goto("/mail?submitter=nobody");
  await page.getByRole("alert").getByText(/There is no submitter/).waitFor();
  await page.goto("/mail");
});

test("a long list is read as far as somebody scrolls, and holds only what is in view", async () => {
  const COUNT = 230;
  for (let made = 0; made < COUNT; made++) {
    const message = { to: [to], subject: `Report ${made}`, text: "x" };
    assert.equal((await page.request.post("/api/v1/messages", { data: message, headers: asConsole(demo) })).status(), 202);
  }
  await page.goto("/mail?q=Report");
  await row("Report 229").waitFor();
  const list = page.getByRole("region", { name: "Messages, list" });
  await list.focus();
  while (!(await row(/Report 0(?!\d)/).isVisible())) await page.keyboard.press("End");
  const drawn = await table().getByRole("row").count();
  assert.ok(drawn < 80, `${drawn} rows are in the document`);
  assert.equal(await table().getAttribute("aria-rowcount"), String(COUNT + 1));
});
