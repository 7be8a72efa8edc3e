// Signing in, roles, a session that ends under a page, and a server that restarts under it.
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openConsole, signIn, startBrowser, startDemo } from "./demo.js";

/** @type {import("./demo.js").Demo} */ let demo;
/** @type {import("playwright-core").Browser} */ let browser;
/** @type {string} */ let folder;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "postern-e2e-"));
  [demo, browser] = await Promise.all([startDemo({ dataDir: folder }), startBrowser()]);
});
after(async () => {
  await browser.close();
  await demo.stop();
  await rm(folder, { recursive: true });
});

/** @param {(page: import("playwright-core").Page, context: import("playwright-core").BrowserContext) => Promise<void>} story */
async function atConsole(story) {
  const { page, context, close } = await openConsole(browser, demo);
  await story(page, context);
  await close();
}

test("a wrong password is refused, the right one opens the page that was asked for", () =>
  atConsole(async (page) => {
    await page.goto("/audit");
    await page.getByLabel("User name").fill(demo.user);
    await page.getByLabel("Password").fill("not this one");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").or(page.locator(".fui-MessageBar")).first().waitFor();
    assert.equal(await page.getByLabel("User name").inputValue(), demo.user);
    await signIn(page, demo);
    await page.getByRole("heading", { name: "Audit" }).waitFor();
  }));

test("a session that ends in mid-edit is renewed in place and the edit goes on", () =>
  atConsole(async (page, context) => {
    await page.goto("/settings/inventory/certificates");
    await signIn(page, demo);
    await page.getByRole("button", { name: "Generate Certificate" }).click();
    const box = page.getByRole("dialog", { name: "Generate New Self-Signed Certificate" });
    await box.getByLabel("Name", { exact: true }).fill("typed before");
    await context.clearCookies();
    await box.getByRole("button", { name: "Save" }).click();
    const again = page.getByRole("dialog", { name: "Sign in again" }).or(page.getByRole("alertdialog", { name: "Sign in again" }));
    await again.getByLabel("Password").fill(demo.password);
    await again.getByRole("button", { name: "Sign in" }).click();
    await page.getByText("typed before was generated").waitFor();
  }));

test("a viewer sees what is there and can change nothing", () =>
  atConsole(async (page) => {
    await page.goto("/settings/access");
    await signIn(page, demo);
    await page.getByRole("button", { name: "Add user" }).click();
    const box = page.getByRole("dialog", { name: "Add User" });
    await box.getByLabel("User name").fill("vera");
    await box.getByLabel("Password").fill("short");
    await box.getByRole("button", { name: "Save" }).click();
    await box.getByText(/12/).last().waitFor();
    await box.getByLabel("Password").fill("only looking at it");
    await box.getByRole("button", { name: "Save" }).click();
    await page.getByRole("row", { name: /vera.*viewer/ }).waitFor();

    const other = await openConsole(browser, demo);
    await other.page.goto("/settings/inventory/certificates");
    await signIn(other.page, { user: "vera", password: "only looking at it" });
    await other.page.getByRole("row", { name: /typed before/ }).waitFor();
    assert.equal(await other.page.getByRole("button", { name: "Import Certificate" }).count(), 0);
    assert.equal(await other.page.getByRole("row", { name: /typed before/ }).getByRole("button", { name: "Delete" }).count(), 0);
    await other.page.goto("/settings/email");
    await other.page.getByLabel("Client ID").waitFor();
    assert.ok(await other.page.getByLabel("Client ID").isDisabled());
    await other.page.goto("/settings/access");
    await other.page.getByRole("region", { name: "Your sign-in" }).waitFor();
    assert.equal(await other.page.getByRole("region", { name: "Users" }).count(), 0);
    await other.close();
  }));

test("the last administrator can't be removed", () =>
  atConsole(async (page) => {
    await page.goto("/settings/access");
    await signIn(page, demo);
    await page.getByRole("region", { name: "Users" }).getByRole("row", { name: new RegExp(demo.user) }).getByRole("button", { name: "Remove" }).click();
    const box = page.getByRole("dialog", { name: "Remove User" });
    await box.getByRole("button", { name: "Remove" }).click();
    await box.getByText(/administrator/i).first().waitFor();
    await box.getByRole("button", { name: "Cancel" }).click();
  }));

test("a new API token is shown once and works", () =>
  atConsole(async (page) => {
    await page.goto("/settings/access");
    await signIn(page, demo);
    await page.getByRole("button", { name: "Create token" }).click();
    const box = page.getByRole("dialog", { name: "Create API Token" });
    await box.getByLabel("Name").fill("script");
    await box.getByRole("button", { name: "Create" }).click();
    const shown = page.getByRole("dialog", { name: "API Token Created" });
    const token = await shown.locator("code").textContent();
    // It is never shown again, so no slip of a finger closes this.
    await page.keyboard.press("Escape");
    await shown.getByRole("button", { name: "Done" }).waitFor();
    assert.match(token ?? "", /^pst_/);
    const answer = await page.request.get("/api/v1/status", { headers: { authorization: `Bearer ${token}` } });
    assert.equal(answer.status(), 200);
  }));

test("the set-up page without its link says where the link is", () =>
  atConsole(async (page) => {
    await page.goto("/setup");
    await page.getByText("postern user setup-link").waitFor();
    await page.goto("/setup#used-up");
    await page.reload();
    await page.getByLabel("Password", { exact: true }).fill("a sentence to sign in");
    await page.getByLabel("Repeat password").fill("a sentence to sign in");
    await page.getByRole("button", { name: "Create administrator" }).click();
    await page.locator(".fui-MessageBar").waitFor();
  }));

test("a server that restarts under the page is said, and the page goes on by itself", () =>
  atConsole(async (page) => {
    await page.goto("/");
    await signIn(page, demo);
    await page.getByRole("heading", { name: "Overview" }).waitFor();
    const port = Number(new URL(demo.console).port);
    await demo.stop();
    await page.getByText("Postern can't be reached.").waitFor();
    demo = await startDemo({ port, dataDir: folder });
    await page.getByText("Postern can't be reached.").waitFor({ state: "detached", timeout: 40_000 });
  }));
