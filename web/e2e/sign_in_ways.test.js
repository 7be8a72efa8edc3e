// Authorize by the other ways: a code on another device, an address that is pasted; and what waits to be confirmed.
import assert from "node:assert/strict";
import { test } from "node:test";
import { asConsole, enterConsole, giveCertificate, signInAtMicrosoft, startBrowser } from "./demo.js";

const { demo, browser, context, page } = await enterConsole();
await demo.tenant(`/apps/${demo.client_id}`, { public_client: true });
await giveCertificate(page, demo, "gate");
await addAccount("office");
await page.goto("/settings/email");

/** @param {string} name */
async function addAccount(name) {
  const data = { name, cloud: demo.cloud, tenant_id: demo.tenant_id, client_id: demo.client_id, credential: { kind: "certificate", certificate: "gate" } };
  assert.equal((await page.request.post("/api/v1/accounts", { data, headers: asConsole(demo) })).status(), 201);
}

const [user] = demo.users;
const authorization = () => page.getByRole("region", { name: "Authorization" });

/** Asks for a device code and signs in with it, as on another device. */
async function signInByDeviceCode() {
  await page.getByRole("button", { name: "Other ways to sign in" }).click();
  await page.getByRole("button", { name: "Use a device code" }).click();
  const code = (await authorization().locator("code").first().textContent()) ?? "";
  const address = await authorization().getByRole("link", { name: /devicelogin/ }).getAttribute("href");
  await authorization().getByText("Microsoft may stop a sign-in by device code later").waitFor();
  const device = await browser.newContext({ ignoreHTTPSErrors: true });
  const screen = await device.newPage();
  await screen.goto(address ?? "");
  await screen.getByLabel("Code").fill(code.trim());
  await screen.getByRole("button", { name: "Next" }).click();
  await signInAtMicrosoft(screen, user);
  await screen.getByText("You have signed in").waitFor();
  await device.close();
}

test("a sign-in by device code waits to be confirmed, and is discarded", async () => {
  await signInByDeviceCode();
  await authorization().getByText(`${user.upn} signed in.`).waitFor();
  await page.getByRole("navigation", { name: "Accounts" }).getByRole("link", { name: /To be confirmed/ }).waitFor();
  await authorization().getByRole("button", { name: "Discard" }).click();
  await authorization().getByText("Needs sign-in").waitFor();
});

test("a sign-in that waits is found again after a reload, and confirmed", async () => {
  await page.reload();
  await signInByDeviceCode();
  await authorization().getByText(`${user.upn} signed in.`).waitFor();
  await page.reload();
  await authorization().getByText(`${user.upn} signed in.`).waitFor();
  await authorization().getByRole("button", { name: "Confirm" }).click();
  await authorization().getByText(`Signed in as ${user.upn}.`).waitFor();
  await authorization().getByText("Ready", { exact: true }).waitFor();
  await authorization().getByText("by device code").waitFor();
});

test("the address at which the browser ended can be pasted", async () => {
  await addAccount("far away");
  await page.getByRole("link", { name: /far away/ }).click();
  const opened = context.waitForEvent("page");
  await page.getByRole("button", { name: "Authorize now" }).click();
  await (await opened).close();
  const address = (await page.getByRole("link", { name: "Open Microsoft's page" }).getAttribute("href")) ?? "";

  // A browser that reaches Microsoft but not the console, as one on another machine.
  const afar = await startBrowser([`--host-resolver-rules=MAP ${new URL(demo.console).host} ~NOTFOUND`]);
  const screen = await (await afar.newContext({ ignoreHTTPSErrors: true })).newPage();
  const ended = screen.waitForEvent("requestfailed", (request) => request.url().startsWith(`${demo.console}/authorize?`));
  await screen.goto(address);
  await screen.getByLabel("Email").fill(user.upn);
  await screen.getByLabel("Password").fill(user.password);
  await screen.getByRole("button", { name: "Sign in" }).click();
  const endedAt = (await ended).url();
  await afar.close();

  await page.getByText("Waiting for the sign-in in the other tab.").waitFor();
  await page.getByRole("button", { name: "The browser ended at a page that doesn't load" }).click();
  await page.getByLabel("Address", { exact: true }).fill(`${demo.console}/authorize?code=no&state=no`);
  await page.getByRole("button", { name: "Complete the sign-in" }).click();
  await authorization().getByRole("alert").waitFor();
  await page.getByLabel("Address", { exact: true }).fill(endedAt);
  await page.getByRole("button", { name: "Complete the sign-in" }).click();
  await authorization().getByText(`Signed in as ${user.upn}.`).waitFor();
  await authorization().getByText("Ready", { exact: true }).waitFor();
});

test("a sign-in under way can be called off", async () => {
  await addAccount("not now");
  await page.getByRole("link", { name: /not now/ }).click();
  const opened = context.waitForEvent("page");
  await page.getByRole("button", { name: "Authorize now" }).click();
  await (await opened).close();
  await page.getByText("Waiting for the sign-in in the other tab.").waitFor();
  await authorization().getByRole("button", { name: "Cancel" }).click();
  await page.getByText("Waiting for the sign-in in the other tab.").waitFor({ state: "hidden" });
});
