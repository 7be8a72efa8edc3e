// Second factor and roles, as the people who have them meet them.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { after, before, test } from "node:test";
import { asConsole, openConsole, signIn, startBrowser, startDemo } from "./demo.js";

const PASSWORD = "a sentence to sign in with";
const STEP_MS = 30_000;

/** @type {import("./demo.js").Demo} */ let demo;
/** @type {import("playwright-core").Browser} */ let browser;

before(async () => {
  [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
  const { page, close } = await openConsole(browser, demo);
  await page.goto("/");
  await signIn(page, demo);
  for (const [user, role] of [["tina", "viewer"], ["otto", "operator"], ["vera", "viewer"]])
    assert.equal((await page.request.post("/api/v1/users", { data: { user, role, password: PASSWORD }, headers: asConsole(demo) })).status(), 201);
  const account = { name: "office", cloud: demo.cloud, tenant_id: demo.tenant_id, client_id: demo.client_id, sign_in: "application", from: demo.users[0].upn, credential: { kind: "secret", secret: demo.client_secret } };
  assert.equal((await page.request.post("/api/v1/accounts", { data: account, headers: asConsole(demo) })).status(), 201);
  assert.equal((await page.request.post("/api/v1/certificates/generate", { data: { name: "gate", exportable: true }, headers: asConsole(demo) })).status(), 201);
  await close();
});
after(async () => {
  await browser.close();
  await demo.stop();
});

/** A window in which somebody is signed in. @param {string} user @param {string} path @param {(page: import("playwright-core").Page) => Promise<void>} story */
async function as(user, path, story) {
  const { page, close } = await openConsole(browser, demo);
  await page.goto(path);
  await signIn(page, { user, password: PASSWORD });
  await story(page);
  await close();
}

/** The code of an authenticator app (RFC 6238) `steps` from now. @param {string} secret in base32 @param {number} [steps] */
function codeOf(secret, steps = 0) {
  const bits = Array.from(secret, (letter) => "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".indexOf(letter).toString(2).padStart(5, "0")).join("");
  const key = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(Date.now() / STEP_MS) + steps));
  const digest = createHmac("sha1", key).update(counter).digest();
  const number = digest.readUInt32BE((digest.at(-1) ?? 0) & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, "0");
}

test("a second factor is added, asked for, recovered from and removed", async () => {
  await as("tina", "/settings/access", async (page) => {
    await page.getByRole("button", { name: "Add second factor" }).click();
    const box = page.getByRole("dialog", { name: "Add Second Factor" });
    await box.getByLabel("Password", { exact: true }).fill("not this one");
    await box.getByRole("button", { name: "Continue" }).click();
    await box.getByText("The password is wrong.").waitFor();
    await box.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await box.getByRole("button", { name: "Continue" }).click();
    await box.getByRole("img", { name: "QR code for the authenticator app" }).waitFor();
    const secret = (await box.locator("code").textContent()) ?? "";
    assert.match(secret, /^[A-Z2-7]{32}$/);
    await box.getByLabel("Code", { exact: true }).fill("000000");
    await box.getByRole("button", { name: "Confirm" }).click();
    await box.getByText(/code/i).and(box.getByRole("alert").locator("*")).or(box.locator("[role=alert]")).first().waitFor();
    await box.getByLabel("Code", { exact: true }).fill(codeOf(secret));
    await box.getByRole("button", { name: "Confirm" }).click();
    const kept = page.getByRole("alertdialog", { name: "Recovery Codes" }).or(page.getByRole("dialog", { name: "Recovery Codes" }));
    await kept.waitFor();
    const codes = await kept.getByRole("listitem").allTextContents();
    assert.ok(codes.length >= 8, `${codes.length} recovery codes`);
    await kept.getByRole("button", { name: "I have kept them" }).click();
    await page.getByText("Signing in takes a code of your authenticator app as well.").waitFor();

    await page.getByRole("button", { name: "Sign out here" }).click();
    await signInWith(page, codes[0] ?? "");
    await page.getByRole("button", { name: "Sign out here" }).click();
    await askForCode(page);
    await page.getByLabel("Code", { exact: true }).fill(codes[0] ?? "");
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("alert").filter({ hasText: /code/i }).waitFor();
    // The step that the app's first code belonged to is used up; the next one counts already.
    await page.getByLabel("Code", { exact: true }).fill(codeOf(secret, 1));
    await page.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("navigation", { name: "Pages" }).waitFor();
    await page.goto("/settings/access");

    await page.getByRole("button", { name: "Remove second factor" }).click();
    const removing = page.getByRole("dialog", { name: "Remove Second Factor" });
    await removing.getByLabel("Password", { exact: true }).fill(PASSWORD);
    await removing.getByRole("button", { name: "Remove" }).click();
    await page.getByRole("button", { name: "Add second factor" }).waitFor();
  });
});

/** @param {import("playwright-core").Page} page */
async function askForCode(page) {
  await page.getByLabel("User name").fill("tina");
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByLabel("Code", { exact: true }).waitFor();
}

/** @param {import("playwright-core").Page} page @param {string} code */
async function signInWith(page, code) {
  await askForCode(page);
  await page.getByLabel("Code", { exact: true }).fill(code);
  await page.getByRole("button", { name: "Sign in" }).click();
  await page.getByRole("navigation", { name: "Pages" }).waitFor();
  await page.goto("/settings/access");
}

test("one's own password is changed", () =>
  as("vera", "/settings/access", async (page) => {
    await page.getByRole("button", { name: "Change password" }).click();
    const box = page.getByRole("dialog", { name: "Change Password" });
    await box.getByLabel("Present password").fill("wrong");
    await box.getByLabel("New password").fill("another long sentence");
    await box.getByLabel("Repeat password").fill("another long sentences");
    await box.getByText("The two passwords differ.").waitFor();
    await box.getByLabel("Repeat password").fill("another long sentence");
    await box.getByRole("button", { name: "Save" }).click();
    await box.getByText("The password is wrong.").waitFor();
    await box.getByLabel("Present password").fill(PASSWORD);
    await box.getByRole("button", { name: "Save" }).click();
    await page.getByText("The password was changed").first().waitFor();
    const back = { data: { password: "another long sentence", new_password: PASSWORD }, headers: asConsole(demo) };
    assert.ok((await page.request.post("/api/v1/me/password", back)).ok());
  }));

test("a viewer sees everything and finds nothing to change", () =>
  as("vera", "/settings/inventory/certificates", async (page) => {
    const row = page.getByRole("row", { name: /gate/ });
    await row.waitFor();
    for (const name of ["Import Certificate", "Generate Certificate", "Edit", "Delete", "Replace…"]) assert.equal(await page.getByRole("button", { name, exact: true }).count(), 0, name);
    await row.getByRole("button", { name: "Download" }).click();
    await page.getByRole("menuitem", { name: "Public certificate (.cer)" }).waitFor();
    assert.equal(await page.getByRole("menuitem", { name: /\.pfx/ }).count(), 0);

    await page.goto("/settings/email");
    await page.getByLabel("Client ID").waitFor();
    // Nor can a file be chosen.
    assert.ok(await page.getByRole("button", { name: "Browse…", exact: true }).isDisabled());
    for (const label of ["Client ID", "Tenant ID", "Display name", "Sign-in", "Transport", "From", "Cloud"]) assert.ok(await page.getByLabel(label, { exact: true }).isDisabled(), label);
    for (const name of ["Authorize now", "Send Test Email", "Check now", "Save", "Remove account…", "Add account", "Use a device code"]) assert.equal(await page.getByRole("button", { name, exact: true }).count(), 0, name);

    await page.goto("/settings/access");
    await page.getByRole("region", { name: "Your sign-in" }).waitFor();
    for (const name of ["Users", "API tokens"]) assert.equal(await page.getByRole("region", { name }).count(), 0, name);
    await page.goto("/audit");
    await page.getByRole("table", { name: "Audit log" }).getByText("Sign-in").first().waitFor();
  }));

test("an operator sends test mails and changes no settings", () =>
  as("otto", "/settings/email", async (page) => {
    assert.ok(await page.getByLabel("Client ID").isDisabled());
    assert.equal(await page.getByRole("button", { name: "Authorize now" }).count(), 0);
    await page.getByLabel("To", { exact: true }).fill(demo.users[1].upn);
    await page.getByRole("button", { name: "Send Test Email" }).click();
    await page.getByText(/The test mail to .* was accepted\./).waitFor();
    await page.getByRole("button", { name: "Check now" }).click();
    await page.getByText("All is well: mail can be sent.").waitFor();
  }));

test("a role that is taken away under an open page is gone after signing in again", () =>
  as("otto", "/settings/email", async (page) => {
    const admin = await openConsole(browser, demo);
    await admin.page.goto("/settings/access");
    await signIn(admin.page, demo);
    await admin.page.getByRole("row", { name: /otto/ }).getByRole("button", { name: "Edit" }).click();
    const box = admin.page.getByRole("dialog", { name: "Edit User" });
    await box.getByLabel("Role").selectOption("viewer");
    await box.getByRole("button", { name: "Save" }).click();
    await admin.page.getByRole("row", { name: /otto.*viewer/ }).waitFor();
    await admin.close();

    // A user's sessions end with the role, and this page asks as soon as it notices.
    const again = page.getByRole("alertdialog", { name: "Sign in again" }).or(page.getByRole("dialog", { name: "Sign in again" }));
    await again.getByLabel("Password").fill(PASSWORD);
    await again.getByRole("button", { name: "Sign in" }).click();
    await page.getByRole("button", { name: "Send Test Email" }).waitFor({ state: "hidden" });
  }));
