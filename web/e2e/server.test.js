// A fresh server: the first administrator, a restart under the page, a session that ends in mid-edit; and the console
// under its public address, behind a reverse proxy.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openConsole, publicPart, signIn, signInAtMicrosoft, startBrowser, startDemo } from "./demo.js";
import { makeHouse, removeHouse, startProxy, startServer } from "./server.js";

const HOST = "mail-gate.example.com";
const ANNA = { user: "anna", password: "a sentence to sign in with" };

/** @type {import("./demo.js").Demo} */ let demo;
/** @type {import("playwright-core").Browser} */ let browser;
/** @type {Awaited<ReturnType<typeof startProxy>>} */ let proxy;
/** @type {string} */ let folder;
/** @type {Awaited<ReturnType<typeof startServer>>} */ let server;

before(async () => {
  [demo, browser, proxy] = await Promise.all([startDemo(), startBrowser([`--host-resolver-rules=MAP ${HOST} 127.0.0.1`]), startProxy(HOST)]);
  folder = await makeHouse(demo, `public_url = "${proxy.console}"\ntrusted_proxies = ["127.0.0.1"]\n`);
  server = await startServer(folder);
  proxy.lead(server.port);
  await demo.tenant(`/apps/${demo.client_id}`, { redirect_uris: [`${proxy.console}/authorize`] });
});
after(async () => {
  await browser.close();
  await Promise.all([demo.stop(), server.stop(), proxy.stop()]);
  await removeHouse(folder);
});

const dialog = (/** @type {import("playwright-core").Page} */ page, /** @type {string} */ name) => page.getByRole("dialog", { name }).or(page.getByRole("alertdialog", { name }));

test("without a user the console points at the set-up link, which makes the first administrator once", async () => {
  const { page, close } = await openConsole(browser, proxy);
  await page.goto("/audit");
  await page.getByRole("heading", { name: "Set up Postern first" }).waitFor();
  assert.equal(await page.getByLabel("Password").count(), 0, "nobody can sign in yet");
  const said = (await page.getByRole("main").textContent()) ?? "";
  assert.ok(said.includes("setup-link"), said);
  const link = await server.setupLink();
  assert.ok(link.startsWith(`${proxy.console}/setup#`), link);
  assert.ok(!said.includes(folder) && !said.includes(link.slice(link.indexOf("#") + 1)), "the page gives nothing away");

  await page.goto(link);
  await page.getByLabel("User name").fill(ANNA.user);
  await page.getByLabel("Password", { exact: true }).fill("short");
  await page.getByLabel("Repeat password").fill("short");
  await page.getByRole("button", { name: "Create administrator" }).click();
  await page.getByText(/needs at least 12/).last().waitFor();
  await page.getByLabel("Password", { exact: true }).fill(ANNA.password);
  await page.getByLabel("Repeat password").fill(ANNA.password);
  await page.getByRole("button", { name: "Create administrator" }).click();
  await page.getByRole("heading", { name: "Overview" }).waitFor();
  await page.getByRole("button", { name: ANNA.user }).waitFor();

  const second = await openConsole(browser, proxy);
  await second.page.goto(link);
  await second.page.getByLabel("Password", { exact: true }).fill(ANNA.password);
  await second.page.getByLabel("Repeat password").fill(ANNA.password);
  await second.page.getByRole("button", { name: "Create administrator" }).click();
  await second.page.getByRole("alert").waitFor();
  await second.page.goto("/");
  await second.page.getByRole("heading", { name: "Sign in" }).waitFor();
  await second.close();
  await close();
});

test("behind a reverse proxy everything goes under the public address", async () => {
  const { page, context, close } = await openConsole(browser, proxy);
  await page.goto("/settings/inventory/certificates");
  await signIn(page, ANNA);
  await page.getByRole("button", { name: "Generate Certificate" }).click();
  await dialog(page, "Generate New Self-Signed Certificate").getByLabel("Name", { exact: true }).fill("gate");
  const download = page.waitForEvent("download");
  await dialog(page, "Generate New Self-Signed Certificate").getByRole("button", { name: "Save" }).click();
  assert.equal((await download).suggestedFilename(), "gate.cer");
  await demo.tenant(`/apps/${demo.client_id}`, { certificates: [await publicPart(page, "gate")] });

  // What happens elsewhere is told through the proxy as well.
  await page.goto("/settings/inventory/list");
  await page.getByRole("row", { name: /gate/ }).waitFor();
  await page.evaluate(() => fetch("/api/v1/certificates/gate", { method: "PATCH", headers: { "X-Postern": "1", "content-type": "application/json" }, body: JSON.stringify({ description: "told by an event" }) }));
  await page.getByText("told by an event").waitFor();

  await page.goto("/settings/email");
  const fits = page.getByRole("listitem").filter({ hasText: "Fits how you reach this console" });
  await fits.getByText(`${proxy.console}/authorize`, { exact: true }).waitFor();
  await page.getByLabel("Client ID").fill(demo.client_id);
  await page.getByLabel("Tenant ID").fill(demo.tenant_id);
  await page.getByRole("combobox", { name: "Client Certificate" }).selectOption("gate");
  const opened = context.waitForEvent("page");
  await page.getByRole("button", { name: "Authorize now" }).click();
  const tab = await opened;
  await signInAtMicrosoft(tab, demo.users[0]);
  await tab.getByRole("heading", { name: "Signed in" }).waitFor();
  assert.ok(tab.url().startsWith(`${proxy.console}/authorize`), tab.url());
  await tab.close();
  await page.getByRole("region", { name: "Authorization" }).getByText("Ready", { exact: true }).waitFor();
  await page.getByLabel("To", { exact: true }).fill(demo.users[1].upn);
  await page.getByRole("button", { name: "Send Test Email" }).click();
  await page.getByText(/The test mail to .* was accepted\./).waitFor();

  await page.goto("/audit");
  await page.getByRole("row", { name: /Test mail/ }).getByText("203.0.113.7").waitFor();
  await close();
});

test("a page that is not saved asks before it is left", async () => {
  const { page, close } = await openConsole(browser, proxy);
  await page.goto("/settings/email");
  await signIn(page, ANNA);
  await page.getByLabel("Display name").fill("renamed");
  await page.getByRole("tab", { name: "Inventory" }).click();
  await dialog(page, "Leave Without Saving").getByRole("button", { name: "Stay" }).click();
  assert.equal(await page.getByLabel("Display name").inputValue(), "renamed");
  // The way to the certificates and back keeps it, without a question.
  await page.getByRole("link", { name: "Manage certificates" }).click();
  await dialog(page, "Manage Certificates").getByRole("button", { name: "Close" }).click();
  assert.equal(await page.getByLabel("Display name").inputValue(), "renamed");
  const asked = page.waitForEvent("dialog");
  const closing = page.close({ runBeforeUnload: true });
  assert.equal((await asked).type(), "beforeunload");
  await (await asked).dismiss();
  await closing;
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Audit" }).click();
  await dialog(page, "Leave Without Saving").getByRole("button", { name: "Discard changes" }).click();
  await page.getByRole("heading", { name: "Audit" }).waitFor();
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("tab", { name: "Email Settings" }).click();
  await page.getByLabel("Display name").waitFor();
  assert.notEqual(await page.getByLabel("Display name").inputValue(), "renamed");
  await close();
});

test("what was typed outlives a server that restarts, and a session that ends", async () => {
  const { page, close } = await openConsole(browser, proxy);
  await page.goto("/settings/email");
  await signIn(page, ANNA);
  await page.getByLabel("Display name").fill("office");
  await page.getByLabel("From").fill("scanner@example.com");

  await server.stop();
  await page.getByText("Postern can't be reached.").waitFor();
  server = await startServer(folder, server.port);
  await page.getByText("Postern can't be reached.").waitFor({ state: "hidden", timeout: 40_000 });
  assert.equal(await page.getByLabel("Display name").inputValue(), "office");

  // Somebody ends this session from elsewhere.
  const current = await page.evaluate(async () => (await (await fetch("/api/v1/sessions")).json()).items.find((/** @type {{ current: boolean }} */ { current }) => current).id);
  const elsewhere = await openConsole(browser, proxy);
  await elsewhere.page.goto("/");
  await signIn(elsewhere.page, ANNA);
  const ended = await elsewhere.page.evaluate(async (path) => (await fetch(path, { method: "DELETE", headers: { "X-Postern": "1" } })).status, `/api/v1/sessions/${current}`);
  assert.equal(ended, 204);
  await elsewhere.close();

  await page.getByRole("button", { name: "Save", exact: true }).click();
  const again = dialog(page, "Sign in again");
  await again.getByLabel("Password").fill("not this one");
  await again.getByRole("button", { name: "Sign in" }).click();
  await again.getByRole("alert").waitFor();
  await again.getByLabel("Password").fill(ANNA.password);
  await again.getByRole("button", { name: "Sign in" }).click();
  await page.getByText("Saved", { exact: true }).first().waitFor();
  await page.getByRole("heading", { name: "office" }).waitFor();
  assert.equal(await page.getByLabel("From").inputValue(), "scanner@example.com");
  await close();
});
