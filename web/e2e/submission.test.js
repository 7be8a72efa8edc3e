// Submission in the console: where devices connect to, who may, the lines to type into them, and one sent and watched.
import assert from "node:assert/strict";
import { test } from "node:test";
import { enterConsole, giveAccount, giveUsers, openConsole, signIn } from "./demo.js";
import { handOver, knock } from "./device.js";
import { keyboard } from "./keyboard.js";
import { takePicture } from "./picture.js";

const PASSWORD = "a sentence that is long enough";

const { demo, browser, page } = await enterConsole({ viewport: { width: 1280, height: 900 } });
const [{ upn: from }, { upn: to }] = demo.users;
await giveAccount(page, demo);
await giveUsers(page, demo, PASSWORD);
await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Submission" }).click();

const row = (/** @type {string} */ name) => page.getByRole("table", { name: "Submitters" }).getByRole("row").filter({ has: page.getByText(name, { exact: true }) });
const dialog = (/** @type {string} */ name) => page.getByRole("dialog", { name, exact: true });
const watching = () => page.getByRole("region", { name: "Send one now and watch it arrive" });
const step = (/** @type {string | RegExp} */ text) => watching().getByRole("list", { name: "Steps" }).getByRole("listitem").filter({ hasText: text });

/** What stands beside a name in the lines for a device. @param {import("playwright-core").Locator} box @param {string} name */
async function line(box, name) {
  const value = box.locator("dt", { hasText: name }).locator("xpath=following-sibling::dd[1]");
  return (await value.locator("code").textContent()) ?? "";
}

/** @param {string} user @param {string} password */
const door = (user, password) => ({ ...demo.submission, user, password });

/** @param {string} name @param {string} action */
async function more(name, action) {
  await row(name).getByRole("button", { name: "More" }).click();
  await page.getByRole("menuitem", { name: action, exact: true }).click();
}

test("the listeners are shown as they are really open", async () => {
  const listener = page.getByRole("table", { name: "Listeners" }).getByRole("row").filter({ hasText: String(demo.submission.port) });
  for (const words of ["STARTTLS", `127.0.0.1:${demo.submission.port}`, "only programs of this machine reach it"]) await listener.getByText(words).waitFor();
  await listener.getByText(/^39\d days left$/).waitFor();
  await listener.getByText(/the console's, self-signed/).waitFor();
});

test("a submitter is added, and the lines for the device let it in", async () => {
  await page.getByRole("button", { name: "Add submitter" }).click();
  const box = dialog("Add Submitter");
  await box.getByRole("button", { name: "Save" }).click();
  await box.getByText("Give it a name.").waitFor();
  await box.getByLabel("Name", { exact: true }).fill("Second floor");
  await box.getByLabel("Description", { exact: true }).fill("The copier by the stairs");
  await box.getByLabel("User name", { exact: true }).fill("copier");
  await box.getByLabel("May send as", { exact: true }).fill("not an address");
  await box.getByRole("button", { name: "Save" }).click();
  await box.getByRole("alert").filter({ hasText: /address/i }).first().waitFor();
  assert.equal(await box.getByLabel("Name", { exact: true }).inputValue(), "Second floor", "what was typed stays");
  await box.getByLabel("May send as", { exact: true }).fill(`${from}\n*@${demo.domain}`);
  await box.getByRole("button", { name: "Save" }).click();

  const made = dialog("Type This into the Device");
  await made.getByText("Copy the password now:").waitFor();
  assert.equal(await line(made, "Server"), "localhost");
  assert.equal(await line(made, "Port"), String(demo.submission.port));
  await made.getByText("Encryption: STARTTLS").waitFor();
  assert.equal(await line(made, "User name"), "copier");
  const password = await line(made, "Password");
  assert.ok(password.length >= 20, "it is a strong one");
  for (const what of ["server", "port", "user name", "password"]) await made.getByRole("button", { name: `Copy ${what}` }).waitFor();
  await takePicture(page, "device");
  await made.getByRole("button", { name: "Done" }).click();
  await row("Second floor").getByText("user copier").waitFor();
  await row("Second floor").getByText("never").waitFor();

  await handOver(door("copier", password), { from, to, subject: "It works" });
  // Later the password is not shown again.
  await row("Second floor").getByRole("button", { name: "Set up device" }).click();
  await dialog("Set Up Device").getByText("as it was shown when it was made").waitFor();
  await dialog("Set Up Device").getByRole("button", { name: "Done" }).click();
});

test("one is sent from the device and watched until it has arrived", async () => {
  await watching().getByLabel("Submitter", { exact: true }).selectOption("device");
  await watching().getByRole("button", { name: "Watch", exact: true }).click();
  await step("Waiting for the device").waitFor();

  // The device has a wrong password at first, and the page says so.
  const device = await knock(demo.submission);
  assert.match(await device.logIn(demo.submission.user, "wrong"), /^535/);
  device.close();
  await watching().getByRole("alert").getByText(/535 5\.7\.8/).waitFor();

  await handOver(demo.submission, { from, to, subject: "Watched" });
  await step("Accepted").getByText(/From device at 127\.0\.0\.1/).waitFor();
  await step("Delivered to Microsoft 365").getByText(/By Microsoft Graph as/).waitFor();
  await takePicture(page, "watch");
  await watching().getByRole("link", { name: "The whole story of this message" }).click();
  await page.getByRole("dialog").getByRole("heading", { name: "Watched" }).waitFor();
  await page.goto("/submission");
  await page.getByRole("table", { name: "Refused lately" }).getByRole("row").filter({ hasText: "535" }).getByText("127.0.0.1").waitFor();
});

test("one is sent from here and watched", async () => {
  await watching().getByRole("radio", { name: "Postern sends it" }).check();
  await watching().getByRole("button", { name: "Send now" }).click();
  await watching().getByText("Say who gets it.").waitFor();
  await watching().getByLabel("To", { exact: true }).fill(to);
  await watching().getByRole("button", { name: "Send now" }).click();
  await step("Accepted").waitFor();
  await step("Delivered to Microsoft 365").waitFor();
  // What can't go is said, with the server's words.
  await watching().getByLabel("From", { exact: true }).fill("stranger@elsewhere.example");
  await watching().getByRole("button", { name: "Send now" }).click();
  await watching().getByRole("alert").first().waitFor();
});

test("everything about a submitter is changed", async () => {
  await row("Second floor").getByRole("button", { name: "Edit" }).click();
  const box = dialog("Edit Submitter");
  assert.equal(await box.getByLabel("User name", { exact: true }).inputValue(), "copier");
  await box.getByLabel("Name", { exact: true }).fill("Third floor");
  await box.getByLabel("Any other From", { exact: true }).selectOption("is rewritten, and answers still go to it");
  await box.getByLabel("Account", { exact: true }).selectOption("contoso");
  await box.getByRole("button", { name: "More", exact: true }).click();
  await box.getByLabel("Networks", { exact: true }).fill("192.0.2.0/33");
  await box.getByLabel("Messages a minute", { exact: true }).fill("many");
  await box.getByRole("button", { name: "Save" }).click();
  await box.getByText(/Give a whole number of 1 or more/).waitFor();
  await box.getByLabel("Messages a minute", { exact: true }).fill("30");
  await box.getByRole("button", { name: "Save" }).click();
  await box.getByText(/is not a network/).waitFor();
  await box.getByLabel("Networks", { exact: true }).fill("192.0.2.0/24");
  await box.getByRole("button", { name: "Save" }).click();
  await box.waitFor({ state: "hidden" });
  for (const words of ["user copier, 192.0.2.0/24", "any other From is rewritten", "contoso", "30 a minute at most"]) await row("Third floor").getByText(words).first().waitFor();

  await more("Third floor", "Reset password…");
  await dialog("Reset Password").getByRole("radio", { name: "Use one that I choose" }).check();
  await dialog("Reset Password").getByLabel("Password", { exact: true }).fill("short");
  await dialog("Reset Password").getByRole("button", { name: "Reset" }).click();
  await dialog("Reset Password").getByText(/12 characters/).first().waitFor();
  await dialog("Reset Password").getByLabel("Password", { exact: true }).fill("correct horse battery");
  await dialog("Reset Password").getByRole("button", { name: "Reset" }).click();
  await dialog("Reset Password").waitFor({ state: "hidden" });
  await handOver(door("copier", "correct horse battery"), { from, to, subject: "With the new password" });

  await more("Third floor", "Give it an API token…");
  await dialog("Reset API Token").getByRole("button", { name: "Make a token" }).click();
  const made = dialog("Type This into the Device");
  await made.getByText("Copy the token now:").waitFor();
  await made.getByText(/^pss_/).waitFor();
  await made.getByRole("button", { name: "Done" }).click();
  await row("Third floor").getByText("API token").waitFor();

  await row("Third floor").getByRole("button", { name: "Edit" }).click();
  await dialog("Edit Submitter").getByLabel("Enabled").uncheck();
  await dialog("Edit Submitter").getByRole("button", { name: "Save" }).click();
  await row("Third floor").getByText("(disabled)").waitFor();
  const device = await knock(demo.submission);
  assert.match(await device.logIn("copier", "correct horse battery"), /^535/);
  device.close();
});

test("a name that is taken is refused at its field, and the keyboard is enough", async () => {
  const keys = keyboard(page);
  await page.goto("/submission");
  await row("device").waitFor();
  await keys.reach("button", "Add submitter");
  await keys.press("Enter");
  await dialog("Add Submitter").waitFor();
  await keys.at("textbox", "Name");
  await keys.type("Name", "Device");
  await keys.press("Enter");
  await dialog("Add Submitter").getByText(/There is already a submitter named/).waitFor();
  await keys.press("Escape");
  await dialog("Add Submitter").waitFor({ state: "hidden" });
  await keys.at("button", "Add submitter");
});

test("a submitter is removed, and found before by the filter", async () => {
  await page.getByLabel("Filter", { exact: true }).fill("third");
  await row("device").waitFor({ state: "hidden" });
  await more("Third floor", "Remove…");
  await dialog("Remove Submitter").getByText("Third floor").waitFor();
  await dialog("Remove Submitter").getByRole("button", { name: "Remove" }).click();
  await page.getByText("No submitter contains “third”").waitFor();
  await page.getByLabel("Filter", { exact: true }).fill("");
  await row("device").waitFor();
});

test("a viewer and an operator see what is there, and change nothing", async () => {
  for (const [user, sends] of /** @type {const} */ ([["vera", 0], ["otto", 1]])) {
    const other = await openConsole(browser, demo);
    await other.page.goto("/submission");
    await signIn(other.page, { user, password: PASSWORD });
    await other.page.getByRole("table", { name: "Submitters" }).getByText("user device").waitFor();
    for (const name of ["Add submitter", "Edit", "More"]) assert.equal(await other.page.getByRole("button", { name, exact: true }).count(), 0, `${user}: ${name}`);
    await other.page.getByRole("button", { name: "Watch", exact: true }).waitFor();
    assert.equal(await other.page.getByRole("radio", { name: "Postern sends it" }).count(), sends, user);
    await other.close();
  }
});
