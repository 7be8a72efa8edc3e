// The two procedures as the original pages tell them, found by their words alone: role and label, as a person with the
// page in hand, or a screen reader, would find them. Once with the mouse, once with the keyboard only.
// With PICTURES=folder the screens on the way are kept, for the README and the guide.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { openConsole, publicPart, signIn, signInAtMicrosoft, startBrowser, startDemo } from "./demo.js";
import { keyboard } from "./keyboard.js";
import { takePicture } from "./picture.js";

const PFX = fileURLToPath(new URL("../../crates/certs/tests/fixtures/pfx/given/03_3des_3des_chain.pfx", import.meta.url));
const PASSWORD = "hunter2";

/** @type {import("./demo.js").Demo} */ let demo;
/** @type {import("playwright-core").Browser} */ let browser;

before(async () => {
  // On a picture the address is the one that people have.
  [demo, browser] = await Promise.all([startDemo({ port: process.env.PICTURES ? 4443 : 0 }), startBrowser()]);
});
after(async () => {
  await browser.close();
  await demo.stop();
});

const sender = () => demo.users[0];
const recipient = () => demo.users[1];

test("procedure 1: managing certificates", async () => {
  const { page, close } = await openConsole(browser, demo, { viewport: { width: 1280, height: 800 } });
  await page.goto("/");
  await takePicture(page, "sign-in");
  await signIn(page, demo);

  // 1 to 5
  await page.getByRole("navigation").getByRole("link", { name: "Settings", exact: true }).click();
  await page.getByRole("tab", { name: "Inventory", exact: true }).click();
  await page.getByRole("button", { name: "Manage", exact: true }).click();
  await page.getByRole("menuitem", { name: "Certificates", exact: true }).click();
  const manage = page.getByRole("dialog", { name: "Manage Certificates", exact: true });
  await manage.waitFor();

  // Import
  await manage.getByRole("button", { name: "Import Certificate", exact: true }).click();
  const importing = page.getByRole("dialog", { name: "Import Certificate", exact: true });
  await importing.getByLabel("Name", { exact: true }).fill("Scanner gateway");
  const chooser = page.waitForEvent("filechooser");
  await importing.getByRole("button", { name: "Browse…", exact: true }).click();
  await (await chooser).setFiles(PFX);
  await importing.getByLabel("Password", { exact: true }).fill("not the password");
  await importing.getByLabel("Repeat password", { exact: true }).fill("not the password");
  await importing.getByLabel("Description", { exact: true }).fill("From the old gateway");
  await importing.getByRole("button", { name: "Options", exact: true }).click();
  await importing.getByRole("checkbox", { name: "Exportable", exact: true }).check();
  await importing.getByRole("button", { name: "Save", exact: true }).click();
  // It was not valid: which check failed stands at the field, and what was typed stays.
  await importing.getByText(/password does not open the file/i).waitFor();
  assert.equal(await importing.getByLabel("Name", { exact: true }).inputValue(), "Scanner gateway");
  assert.equal(await importing.getByLabel("Description", { exact: true }).inputValue(), "From the old gateway");
  await importing.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await importing.getByLabel("Repeat password", { exact: true }).fill(PASSWORD);
  await takePicture(page, "import");
  await importing.getByRole("button", { name: "Save", exact: true }).click();
  await importing.waitFor({ state: "hidden" });
  await manage.getByRole("row", { name: /Scanner gateway/ }).waitFor();

  // Generate
  await manage.getByRole("button", { name: "Generate Certificate", exact: true }).click();
  const generating = page.getByRole("dialog", { name: "Generate New Self-Signed Certificate", exact: true });
  await generating.getByLabel("Name", { exact: true }).fill("Mail gate");
  await generating.getByLabel("Description", { exact: true }).fill("For Microsoft 365");
  await generating.getByRole("button", { name: "Options", exact: true }).click();
  await generating.getByLabel("Key size", { exact: true }).selectOption("2048 bits");
  await takePicture(page, "generate");
  const download = page.waitForEvent("download");
  await generating.getByRole("button", { name: "Save", exact: true }).click();
  assert.equal((await download).suggestedFilename(), "Mail gate.cer");
  const row = manage.getByRole("row", { name: /Mail gate/ });
  await row.waitFor();
  const told = manage.getByRole("status").filter({ hasText: "Mail gate was generated" });
  const thumbprint = /[0-9A-F]{40}/.exec((await told.textContent()) ?? "")?.[0];
  assert.ok(thumbprint, "the message names the thumbprint that the portal will show");
  for (const words of ["Certificates & secrets", "Upload certificate"]) await told.getByText(words, { exact: true }).waitFor();
  await takePicture(page, "certificates");

  // Edit
  await row.hover();
  await row.getByRole("button", { name: "Edit", exact: true }).click();
  const editing = page.getByRole("dialog", { name: "Edit Certificate", exact: true });
  await editing.getByLabel("Description", { exact: true }).fill("For the printers");
  await editing.getByRole("button", { name: "Save", exact: true }).click();
  await row.getByText("For the printers").waitFor();

  // Delete
  const other = manage.getByRole("row", { name: /Scanner gateway/ });
  await other.hover();
  await other.getByRole("button", { name: "Delete", exact: true }).click();
  const deleting = page.getByRole("dialog", { name: "Delete Certificate", exact: true });
  await deleting.getByText("Scanner gateway").waitFor();
  await deleting.getByRole("button", { name: "Delete", exact: true }).click();
  await other.waitFor({ state: "hidden" });
  await close();
});

test("procedure 2: e-mail with Microsoft OAuth", async () => {
  const { page, context, close } = await openConsole(browser, demo, { viewport: { width: 1280, height: 800 } });
  await page.goto("/");
  await signIn(page, demo);

  // 1 and 2
  await page.getByRole("navigation").getByRole("link", { name: "Settings", exact: true }).click();
  await page.getByRole("tab", { name: "Email Settings", exact: true }).click();
  await page.getByLabel("Authentication method", { exact: true }).selectOption("Microsoft OAuth 2.0 authentication");

  // Azure and the admin centers: the guide beside the settings, in their words
  const guide = page.getByRole("region", { name: "Guide", exact: true });
  for (const words of ["App registrations", "New registration", "Accounts in this organizational directory only", "Web", "Advanced settings", "Yes", "Overview", "Essentials"])
    await guide.getByText(words, { exact: true }).first().waitFor();
  for (const words of ["Certificates & secrets", "Upload certificate", "API permissions", "Grant admin consent", "Users", "Active users", "Mail", "Email apps", "Manage email apps", "Authenticated SMTP"])
    await guide.getByText(words, { exact: true }).first().waitFor();
  const port = new URL(demo.console).port;
  for (const host of ["localhost", "127.0.0.1"]) await guide.getByText(`https://${host}:${port}/authorize`, { exact: true }).waitFor();
  const permissions = guide.getByRole("table", { name: "Permissions", exact: true });
  for (const name of [/Mail\.Send.*Delegated.*Needed/, /Mail\.Send.*Application.*More than needed/, /SMTP\.Send .*Delegated/, /SMTP\.SendAsApp/, /offline_access/, /openid, profile, User\.Read/])
    await permissions.getByRole("row", { name }).waitFor();
  for (const name of ["Microsoft's permissions reference", "About authenticated SMTP submission"]) await guide.getByRole("link", { name, exact: true }).waitFor();

  // 3
  await page.getByText("Still missing: Client ID, Tenant ID, Client Certificate").first().waitFor();
  await page.getByLabel("Client ID", { exact: true }).fill(demo.client_id);
  await page.getByLabel("Tenant ID", { exact: true }).fill(demo.tenant_id);
  assert.ok(await page.getByRole("radio", { name: "Client Certificate", exact: true }).isChecked());
  const certificate = page.getByRole("combobox", { name: "Client Certificate", exact: true });
  await page.getByRole("radio", { name: "Client Secret", exact: true }).check();
  assert.ok(await certificate.isDisabled());
  await page.getByRole("textbox", { name: "Client Secret", exact: true }).waitFor();
  await page.getByRole("radio", { name: "Client Certificate", exact: true }).check();
  await certificate.selectOption("Mail gate");
  await page.getByRole("link", { name: "Manage certificates", exact: true }).click();
  await page.getByRole("dialog", { name: "Manage Certificates", exact: true }).getByRole("button", { name: "Close", exact: true }).click();
  assert.equal(await page.getByLabel("Client ID", { exact: true }).inputValue(), demo.client_id, "what was typed stays");
  await takePicture(page, "email-settings");

  // 4
  await demo.tenant(`/apps/${demo.client_id}`, { certificates: [await publicPart(page, "Mail gate")] });

  // 5
  const opened = context.waitForEvent("page");
  await page.getByRole("button", { name: "Authorize now", exact: true }).click();
  const tab = await opened;
  await signInAtMicrosoft(tab, sender());
  await tab.getByText("You may close this tab", { exact: false }).waitFor();
  await tab.close();
  await page.getByText(`Signed in as ${sender().upn}.`).waitFor();

  // 6 and 7
  await page.getByLabel("To", { exact: true }).fill(recipient().upn);
  await page.getByRole("button", { name: "Send Test Email", exact: true }).click();
  await page.getByText(`The test mail to ${recipient().upn} was accepted.`).waitFor();
  const message = (await page.getByRole("status").filter({ hasText: "Message ID" }).textContent()) ?? "";
  assert.match(message, /<[^>]+@[^>]+>/);
  await page.getByRole("list", { name: "Stages", exact: true }).scrollIntoViewIfNeeded();
  await takePicture(page, "test-email");
  await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Overview", exact: true }).click();
  await page.getByText("Mail can flow.").waitFor();

  // A certificate in use stays.
  await page.goto("/settings/inventory/certificates");
  const row = page.getByRole("row", { name: /Mail gate/ });
  await row.hover();
  await row.getByRole("button", { name: "Delete", exact: true }).click();
  const deleting = page.getByRole("dialog", { name: "Delete Certificate", exact: true });
  await deleting.getByRole("button", { name: "Delete", exact: true }).click();
  await deleting.getByRole("alert").getByText(demo.tenant_id).first().waitFor();
  await close();
});

test("both procedures go by the keyboard alone", async () => {
  const { page, context, close } = await openConsole(browser, demo);
  await page.goto("/");
  const keys = keyboard(page);
  await keys.type("User name", demo.user);
  await keys.type("Password", demo.password);
  await keys.press("Enter");

  await keys.reach("link", "Settings");
  await keys.press("Enter");
  await keys.reach("tab", "General");
  await keys.press("ArrowRight", "ArrowRight", "Enter");
  await keys.reach("button", "Manage");
  await keys.press("Enter");
  await keys.at("menuitem", "Certificates");
  await keys.press("Enter");
  await keys.reach("button", "Generate Certificate");
  await keys.press("Enter");
  await keys.at("textbox", "Name");
  await page.keyboard.type("By keyboard");
  await keys.press("Enter");
  await page.getByText("By keyboard was generated").waitFor();
  await page.getByRole("dialog", { name: "Generate New Self-Signed Certificate" }).waitFor({ state: "hidden" });
  // Where the dialog was opened from, the keyboard goes on.
  await keys.at("button", "Generate Certificate");

  const row = page.getByRole("row", { name: /By keyboard/ });
  await keys.reachIn(row, "button", "Edit");
  await page.waitForFunction(() => getComputedStyle(document.activeElement ?? document.body).opacity === "1");
  await keys.press("Enter");
  await keys.type("Description", "typed");
  await keys.reach("button", "Save");
  await keys.press("Enter");
  await row.getByText("typed").waitFor();
  await page.getByRole("dialog", { name: "Edit Certificate" }).waitFor({ state: "hidden" });
  await keys.reach("button", "Close");
  await keys.press("Enter");
  await page.getByRole("dialog", { name: "Manage Certificates" }).waitFor({ state: "hidden" });

  await keys.reach("tab", "Inventory");
  await keys.press("ArrowLeft", "Enter");
  await keys.reach("button", "Add account");
  await keys.press("Enter");
  await keys.type("Client ID", demo.client_id);
  await keys.type("Tenant ID", demo.tenant_id);
  await keys.reach("combobox", "Client Certificate");
  await page.keyboard.type("By k");
  await keys.type("Display name", "by keyboard");
  await demo.tenant(`/apps/${demo.client_id}`, { certificates: [await publicPart(page, "By keyboard")] });
  await keys.reach("button", "Authorize now");
  const opened = context.waitForEvent("page");
  await keys.press("Enter");
  const tab = await opened;
  await signInAtMicrosoft(tab, sender());
  await tab.getByRole("heading", { name: "Signed in" }).waitFor();
  await tab.close();
  await page.getByText(`Signed in as ${sender().upn}.`).waitFor();
  await keys.type("To", recipient().upn);
  await keys.press("Enter");
  await page.getByText(`The test mail to ${recipient().upn} was accepted.`).waitFor();
  await close();
});

test("the public certificate that is downloaded is the one that the list shows", async () => {
  const { page, close } = await openConsole(browser, demo);
  await page.goto("/settings/inventory/certificates");
  await signIn(page, demo);
  const row = page.getByRole("row", { name: /Mail gate/ });
  for (const [format, begins] of /** @type {const} */ ([[".pem", "-----BEGIN CERTIFICATE-----"], [".cer", "0\x82"]])) {
    await row.getByRole("button", { name: "Download", exact: true }).click();
    const download = page.waitForEvent("download");
    await page.getByRole("menuitem", { name: `Public certificate (${format})`, exact: true }).click();
    const file = await readFile(await (await download).path(), "latin1");
    assert.ok(file.startsWith(begins), format);
  }
  await close();
});
