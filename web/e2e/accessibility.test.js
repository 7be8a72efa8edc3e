// axe on every screen and dialog, light and dark; nothing wider than a narrow window.
import assert from "node:assert/strict";
import { test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { asConsole, enterConsole, openConsole, publicPart } from "./demo.js";
import { handOver, knock } from "./device.js";
import { settle } from "./picture.js";

const WIDE = { width: 1366, height: 900 };
const NARROW = { width: 360, height: 740 };

const { demo, browser, page: inside } = await enterConsole({ viewport: WIDE });
/** The window that is judged. */
let page = inside;
await furnish();

/** Something to see on every screen. */
async function furnish() {
  await demo.tenant(`/apps/${demo.client_id}`, { public_client: true });
  await page.request.post("/api/v1/certificates/generate", { data: { name: "gate", exportable: true }, headers: asConsole(demo) });
  await demo.tenant(`/apps/${demo.client_id}`, { certificates: [await publicPart(page, "gate")] });
  const data = { name: "contoso", cloud: demo.cloud, tenant_id: demo.tenant_id, client_id: demo.client_id, credential: { kind: "certificate", certificate: "gate" } };
  // Its secret is wrong: the check fails.
  const broken = { ...data, name: "nobody", sign_in: "application", from: `nobody@${demo.domain}`, credential: { kind: "secret", secret: "not-the-value" } };
  const robot = { ...data, name: "robot", sign_in: "application", from: demo.users[0].upn, credential: { kind: "secret", secret: demo.client_secret } };
  for (const account of [data, broken, robot]) assert.equal((await page.request.post("/api/v1/accounts", { data: account, headers: asConsole(demo) })).status(), 201);
  await page.request.post("/api/v1/accounts/robot/authorize", { data: {}, headers: asConsole(demo) });
  await furnishMail();
}

/** Mail that was sent, that waits for Microsoft and for an account to be mended, and a device that was refused. */
async function furnishMail() {
  const [{ upn: from }, { upn: to }] = demo.users;
  const device = await knock(demo.submission);
  await device.logIn("somebody", "wrong");
  device.close();
  await handOver(demo.submission, { from, to, subject: "Arrived" });
  await until("sent");
  await handOver(demo.submission, { from, to: `451@${demo.domain}`, subject: "A long subject that tells of a scanner on the second floor, of its forty-two pages, and of why they wait" });
  const data = { from: `nobody@${demo.domain}`, to: [to], subject: "For an account that is broken", text: "x" };
  await page.request.post("/api/v1/messages", { data, headers: asConsole(demo) });
  await until("queued,deferred");
}

/** Waits until a message stands there. @param {string} state */
async function until(state) {
  await page.waitForFunction(async (wanted) => ((await (await fetch(`/api/v1/messages?state=${wanted}`)).json()).items.length > 0), state);
}

/** Where every screen goes, for a person to look at them. */
const SCREENS_FOLDER = process.env.SCREENS;

const LIST = "/settings/inventory/certificates";
const ACCESS = "/settings/access";

/** @typedef {import("playwright-core").Page} Page */

/** @param {string} name */
const press = (name) => (/** @type {Page} */ page) => page.getByRole("button", { name, exact: true }).first().click();
/** @param {string[]} names */
const pressAll = (...names) => async (/** @type {Page} */ page) => {
  for (const name of names) await press(name)(page);
};

/** @type {[name: string, path: string, open?: (page: Page) => Promise<unknown>][]} */
const SCREENS = [
  ["overview", "/"],
  ["overview-table", "/", press("Show as a table")],
  ["mail", "/mail"],
  ["mail-nothing", "/mail?q=nowhere"],
  ["message", "/mail", openMessage("Arrived")],
  ["message-waiting", "/mail", openMessage(/^A long subject/)],
  ["message-paused", "/mail", openMessage("For an account that is broken")],
  ["message-cancel", "/mail", (page) => openMessage(/^A long subject/)(page).then(() => press("Cancel message")(page))],
  ["message-gone", "/mail/00000000-0000-7000-8000-000000000000"],
  ["submission", "/submission"],
  ["submission-watch", "/submission", press("Watch")],
  ["submission-here", "/submission", (page) => page.getByRole("radio", { name: "Postern sends it" }).check().then(() => press("Send now")(page))],
  ["add-submitter", "/submission", addSubmitter],
  ["edit-submitter", "/submission", press("Edit")],
  ["submitter-menu", "/submission", press("More")],
  ["submitter-device", "/submission", press("Set up device")],
  ["submitter-password", "/submission", submitterMenu("Reset password…")],
  ["submitter-token", "/submission", submitterMenu("Give it an API token…")],
  ["submitter-remove", "/submission", submitterMenu("Remove…")],
  ["audit", "/audit"],
  ["audit-empty", "/audit?actor=nobody"],
  ["general", "/settings/general"],
  ["email", "/settings/email"],
  ["email-device-code", "/settings/email", pressAll("Other ways to sign in", "Use a device code")],
  ["email-refused", "/settings/email", (page) => page.getByRole("link", { name: /nobody/ }).click().then(() => press("Authorize now")(page)).then(() => page.getByText(/AADSTS7000215/).first().waitFor())],
  ["email-leave", "/settings/email?account=new", (page) => page.getByLabel("Client ID").fill("x").then(() => page.getByRole("tab", { name: "General" }).click())],
  ["new-account", "/settings/email?account=new"],
  ["new-account-refused", "/settings/email?account=new", press("Authorize now")],
  ["new-account-secret", "/settings/email?account=new", (page) => page.getByRole("radio", { name: "Client Secret" }).check()],
  ["test-failed", "/settings/email", (page) => page.getByRole("link", { name: /nobody/ }).click().then(() => press("Check now")(page)).then(() => page.getByText("Cause", { exact: true }).first().waitFor())],
  ["remove-account", "/settings/email", press("Remove account…")],
  ["inventory", "/settings/inventory"],
  ["manage-menu", "/settings/inventory", press("Manage")],
  ["certificates", LIST],
  ["certificates-page", "/settings/inventory/list"],
  ["row-menu", "/settings/inventory/list", press("Download")],
  ["row-menu-in-dialog", LIST, press("Download")],
  ["import", LIST, pressAll("Import Certificate", "Options", "Save")],
  ["generate", LIST, pressAll("Generate Certificate", "Options")],
  ["edit", LIST, pressAll("Edit", "Details")],
  ["replace", LIST, press("Replace…")],
  ["export", LIST, (page) => press("Download")(page).then(() => page.getByRole("menuitem", { name: /\.pfx/ }).click())],
  ["delete", LIST, press("Delete")],
  ["delete-refused", LIST, (page) => press("Delete")(page).then(() => page.getByRole("dialog", { name: "Delete Certificate" }).getByRole("button", { name: "Delete" }).click())],
  ["access", ACCESS],
  ["add-user", ACCESS, press("Add user")],
  ["edit-user", ACCESS, press("Edit")],
  ["remove-user", ACCESS, press("Remove")],
  ["create-token", ACCESS, press("Create token")],
  ["change-password", ACCESS, press("Change password")],
  ["second-factor", ACCESS, offerSecondFactor],
  ["user-menu", "/", (page) => press(demo.user)(page)],
  ["not-here", "/nowhere"],
];

/** @param {string | RegExp} subject */
function openMessage(subject) {
  return async (/** @type {Page} */ page) => {
    await page.getByRole("table", { name: "Messages" }).getByRole("link", { name: subject }).click();
    await page.getByRole("dialog").getByRole("list", { name: "History" }).waitFor();
  };
}

/** @param {Page} page */
async function addSubmitter(page) {
  await press("Add submitter")(page);
  const box = page.getByRole("dialog", { name: "Add Submitter" });
  await box.getByRole("button", { name: "More", exact: true }).click();
  await box.getByRole("radio", { name: "Use one that I choose" }).check();
  await box.getByRole("button", { name: "Save" }).click();
}

/** @param {string} name */
function submitterMenu(name) {
  return async (/** @type {Page} */ page) => {
    await press("More")(page);
    await page.getByRole("menuitem", { name }).click();
  };
}

/** @param {Page} page */
async function offerSecondFactor(page) {
  await press("Add second factor")(page);
  await page.getByLabel("Password", { exact: true }).fill(demo.password);
  await press("Continue")(page);
  await page.getByRole("img", { name: /QR code/ }).waitFor();
}

/** What axe finds. @param {string} look @param {(axe: AxeBuilder) => AxeBuilder} [only] */
async function judge(look, only = (axe) => axe) {
  // Fluent's focus sentinels are hidden from screen readers and can be focused for an instant, which is their purpose.
  const axe = new AxeBuilder({ page }).exclude("[data-tabster-dummy]").options({ resultTypes: ["violations"] });
  const { violations } = await only(axe).analyze();
  return violations.map(({ id, nodes }) => `${look}: ${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary ?? ""}`).join(" | ")}`);
}

/** Light, dark and narrow. Colours depend on the theme alone and all else on the width alone. @param {string} name */
async function judgeAll(name) {
  await settle(page);
  await keep(`${name}-light`);
  const found = await judge("light");
  await page.emulateMedia({ colorScheme: "dark" });
  await settle(page);
  await keep(`${name}-dark`);
  found.push(...(await judge("dark", (axe) => axe.withRules(["color-contrast"]))));
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(NARROW);
  await settle(page);
  await keep(`${name}-narrow`);
  found.push(...(await judge("narrow", (axe) => axe.disableRules(["color-contrast"]))));
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  if (width > NARROW.width) found.push(`narrow: it is ${width} pixels wide: ${await widest()}`);
  await page.setViewportSize(WIDE);
  assert.deepEqual(found, []);
}

/** What reaches furthest to the right. */
async function widest() {
  return page.evaluate(() => {
    const all = [...document.querySelectorAll("body *")].map((element) => ({ element, right: element.getBoundingClientRect().right }));
    return all.reduce((most, one) => (one.right > most.right ? one : most)).element.outerHTML.slice(0, 300);
  });
}

/** @param {string} name */
async function keep(name) {
  if (SCREENS_FOLDER) await page.screenshot({ path: `${SCREENS_FOLDER}/${name}.png` });
}

test("axe finds nothing before the door", async () => {
  const front = await openConsole(browser, demo);
  page = front.page;
  try {
    for (const [name, path] of /** @type {const} */ ([["sign-in", "/"], ["setup", "/setup#token"], ["setup-without-link", "/setup"]])) {
      await page.goto("about:blank");
      await page.goto(path);
      await page.getByRole("heading").first().waitFor();
      await judgeAll(name);
    }
  } finally {
    page = inside;
  }
  await front.close();
});

test("every page is one touch away on a narrow screen", async () => {
  await page.setViewportSize(NARROW);
  for (const link of await page.getByRole("navigation", { name: "Pages" }).getByRole("link").all()) {
    const { x, width } = (await link.boundingBox()) ?? assert.fail("it is drawn");
    assert.ok(x >= 0 && x + width <= NARROW.width, `${await link.textContent()} ends at ${x + width}`);
  }
  await page.setViewportSize(WIDE);
});

for (const [name, path, open] of SCREENS) {
  test(`axe finds nothing on ${name}, light, dark or narrow`, async () => {
    await page.goto(path);
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    await settle(page);
    await open?.(page);
    await judgeAll(name);
  });
}
