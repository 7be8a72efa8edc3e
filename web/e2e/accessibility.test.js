// axe on every screen and dialog, light and dark; nothing wider than a narrow window.
import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { after, before, test } from "node:test";
import { AxeBuilder } from "@axe-core/playwright";
import { giveCertificate, openConsole, signIn, startBrowser, startDemo } from "./demo.js";

/** @type {import("./demo.js").Demo} */ let demo;
/** @type {import("playwright-core").Browser} */ let browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
});
after(async () => {
  await browser.close();
  await demo.stop();
});

/** Where the pictures of the screens go, if they are wanted. */
const PICTURES = process.env.SCREENS;

/** @type {[name: string, path: string, open?: (page: import("playwright-core").Page) => Promise<unknown>][]} */
const SCREENS = [
  ["overview", "/"],
  ["audit", "/audit"],
  ["general", "/settings/general"],
  ["email", "/settings/email"],
  ["new-account", "/settings/email?account=new"],
  ["inventory", "/settings/inventory"],
  ["certificates", "/settings/inventory/certificates"],
  ["certificates-page", "/settings/inventory/list"],
  ["access", "/settings/access"],
  ["not-here", "/nowhere"],
  ["import", "/settings/inventory/certificates", (page) => page.getByRole("button", { name: "Import Certificate" }).click()],
  ["generate", "/settings/inventory/certificates", (page) => page.getByRole("button", { name: "Generate Certificate" }).click()],
  ["edit", "/settings/inventory/certificates", (page) => page.getByRole("button", { name: "Edit" }).first().click()],
  ["delete", "/settings/inventory/certificates", (page) => page.getByRole("button", { name: "Delete" }).first().click()],
  ["manage-menu", "/settings/inventory", (page) => page.getByRole("button", { name: "Manage" }).click()],
  ["user-menu", "/", (page) => page.getByRole("button", { name: demo.user }).click()],
  ["add-user", "/settings/access", (page) => page.getByRole("button", { name: "Add user" }).click()],
];

/** @param {import("playwright-core").Page} page @param {string} name */
async function judge(page, name) {
  // Fluent's focus sentinels are hidden from screen readers and can be focused for an instant, which is their purpose.
  const { violations } = await new AxeBuilder({ page }).exclude("[data-tabster-dummy]").analyze();
  const said = violations.map(({ id, nodes }) => `${name}: ${id}: ${nodes.map(({ html, failureSummary }) => `${html.slice(0, 200)} ${failureSummary ?? ""}`).join(" | ")}`);
  assert.deepEqual(said, []);
}

/** @param {import("playwright-core").Page} page */
async function settle(page) {
  await page.waitForFunction(() => !document.querySelector(".fui-Skeleton, .fui-Spinner"));
  // Colours are judged as they are after the motion.
  await page.evaluate(() => Promise.all(document.getAnimations().map(({ finished }) => finished.catch(() => undefined))));
}

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  test(`axe finds nothing on any screen in ${colorScheme}`, async () => {
    const { page, close } = await openConsole(browser, demo, { colorScheme, viewport: { width: 1366, height: 900 } });
    await page.goto("/");
    await page.getByLabel("User name").waitFor();
    await judge(page, "sign-in");
    await page.goto("/setup#token");
    await page.getByLabel("User name").waitFor();
    await judge(page, "setup");
    await page.goto("/");
    await signIn(page, demo);
    if (colorScheme === "light") {
      await giveCertificate(page, demo, "gate");
      const data = { name: "contoso", cloud: demo.cloud, tenant_id: demo.tenant_id, client_id: demo.client_id, credential: { kind: "certificate", certificate: "gate" } };
      await page.request.post("/api/v1/accounts", { data, headers: { "X-Postern": "1", "Sec-Fetch-Site": "same-origin", Origin: demo.console } });
    }
    if (PICTURES) await mkdir(PICTURES, { recursive: true });
    for (const [name, path, open] of SCREENS) {
      await page.goto(path);
      await page.getByRole("navigation", { name: "Pages" }).waitFor();
      await settle(page);
      await open?.(page);
      await settle(page);
      if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}-${colorScheme}.png` });
      await judge(page, `${name}, ${colorScheme}`);
    }
    await close();
  });
}

test("nothing is wider than a window of 360 pixels", async () => {
  const { page, close } = await openConsole(browser, demo, { viewport: { width: 360, height: 740 } });
  await page.goto("/");
  await signIn(page, demo);
  for (const [name, path, open] of SCREENS) {
    await page.goto(path);
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    await settle(page);
    await open?.(page);
    const width = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(width <= 360, `${name} is ${width} pixels wide`);
    if (PICTURES) await page.screenshot({ path: `${PICTURES}/${name}-narrow.png` });
  }
  await close();
});
