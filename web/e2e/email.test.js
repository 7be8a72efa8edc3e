// Procedure 2: e-mail with Microsoft OAuth, by the words of console.md, against the simulated tenant's own pages.
import assert from "node:assert/strict";
import { test } from "node:test";
import { enterConsole, signInAtMicrosoft } from "./demo.js";

const { demo, context, page } = await enterConsole();
const [sender, recipient] = demo.users;

/** A step of the guide that stands there. @param {string} title @param {"done" | "to do"} how */
const guideSays = (title, how) => page.getByRole("region", { name: "Guide" }).getByRole("heading", { name: `${title} , ${how}`, exact: true }).waitFor();
const stage = (/** @type {string} */ name) => page.getByRole("list", { name: "Stages" }).getByRole("listitem").filter({ hasText: name });

test("a button says what is missing instead of failing", async () => {
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("tab", { name: "Email Settings" }).click();
  assert.equal(await page.getByLabel("Authentication method").locator("option:checked").textContent(), "Microsoft OAuth 2.0 authentication");
  assert.ok(await page.getByRole("radio", { name: "Client Certificate" }).isChecked());
  await page.getByText("Still missing: Client ID, Tenant ID, Client Certificate").first().waitFor();
  await page.getByRole("button", { name: "Authorize now" }).click();
  await page.getByText("Client ID is needed.").waitFor();
  await page.waitForFunction((element) => element === document.activeElement, await page.getByLabel("Client ID").elementHandle());
});

test("what can't be right is said as one types", async () => {
  await page.getByLabel("Tenant ID").fill("common");
  await page.getByText(/stands for no tenant in particular/).waitFor();
  await page.getByLabel("Cloud").selectOption("global");
  await page.getByLabel("Client ID").fill("not-a-guid");
  await page.getByText(/not an application \(client\) ID/).waitFor();
  await page.getByLabel("Cloud").selectOption(demo.cloud);
  await page.getByLabel("Client ID").fill(demo.client_id);
  await page.getByLabel("Tenant ID").fill(demo.tenant_id);
});

test("a client secret disables the certificate", async () => {
  await page.getByRole("radio", { name: "Client Secret" }).check();
  assert.ok(await page.getByRole("combobox", { name: "Client Certificate" }).isDisabled());
  // A field is the only thing that answers to its label, and is nothing else's.
  await page.getByLabel("Client Secret", { exact: true }).fill("not kept");
  await page.keyboard.press("Shift+Tab");
  await page.waitForFunction((element) => element === document.activeElement, await page.getByRole("radio", { name: "Client Secret" }).elementHandle());
  await page.keyboard.press("ArrowUp");
  assert.ok(await page.getByRole("radio", { name: "Client Certificate" }).isChecked());
  assert.ok(await page.getByLabel("Client Certificate", { exact: true }).isEnabled());
});

test("a certificate made behind Manage certificates comes back selected, and what was typed stays", async () => {
  await page.getByRole("link", { name: "Manage certificates" }).click();
  await page.getByRole("button", { name: "Generate Certificate" }).click();
  const box = page.getByRole("dialog", { name: "Generate New Self-Signed Certificate" });
  await box.getByLabel("Name", { exact: true }).fill("mail gate");
  await box.getByRole("button", { name: "Save" }).click();
  await page.getByText("mail gate was generated").waitFor();
  await page.getByRole("dialog", { name: "Manage Certificates" }).getByRole("button", { name: "Close" }).click();
  assert.equal(await page.getByRole("combobox", { name: "Client Certificate" }).locator("option:checked").textContent(), "mail gate");
  assert.equal(await page.getByLabel("Client ID").inputValue(), demo.client_id);
});

test("an unregistered certificate fails with its cause and what to do", async () => {
  const opened = context.waitForEvent("page");
  await page.getByRole("button", { name: "Authorize now" }).click();
  const tab = await opened;
  await signInAtMicrosoft(tab, sender);
  await tab.getByRole("heading", { name: "The sign-in did not work" }).waitFor();
  await tab.close();
  const failure = page.getByText(/AADSTS700027/).first();
  await failure.waitFor();
  await page.getByText(/Upload certificate/).first().waitFor();
});

test("Authorize now signs in and the page behind it updates by itself", async () => {
  const certificates = /** @type {{ items: { id: string, name: string }[] }} */ (await (await page.request.get("/api/v1/certificates")).json());
  const pem = await (await page.request.get(`/api/v1/certificates/${certificates.items[0]?.id}/download?format=pem`)).text();
  await demo.tenant(`/apps/${demo.client_id}`, { certificates: [pem] });
  const opened = context.waitForEvent("page");
  await page.getByRole("button", { name: "Authorize now" }).click();
  const tab = await opened;
  // The tenant remembers who signed in a moment ago.
  await tab.getByRole("button", { name: sender.upn }).click();
  const accept = tab.getByRole("button", { name: "Accept" });
  const done = tab.getByRole("heading", { name: "Signed in" });
  await accept.or(done).first().waitFor();
  if (await accept.isVisible()) await accept.click();
  await done.waitFor();
  await tab.close();
  await page.getByText(`Signed in as ${sender.upn}.`).waitFor();
  await page.getByRole("region", { name: "Authorization" }).getByText("Ready").waitFor();
});

test("a sign-in that has to send as another mailbox says what that takes", async () => {
  await page.getByLabel("From", { exact: true }).fill(recipient.upn);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText(`it needs the right to send as ${recipient.upn}`).waitFor();
  await page.getByLabel("From", { exact: true }).fill(sender.upn);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText(/it needs the right to send as/).waitFor({ state: "detached" });
});

test("Send Test Email shows its stages and the message arrives", async () => {
  await page.getByLabel("To", { exact: true }).fill(recipient.upn);
  await page.getByRole("button", { name: "Send Test Email" }).click();
  await page.getByText(`The test mail to ${recipient.upn} was accepted.`).waitFor();
  for (const name of ["Settings complete", "Certificate valid", "Token obtained", "Permission present", "Mailbox reachable", "Message accepted"]) await stage(name).getByText("done").waitFor({ state: "attached" });
  const said = (await page.getByText("Message ID:").locator("..").textContent()) ?? "";
  const id = /<[^>]+@[^>]+>/.exec(said)?.[0];
  assert.ok(id, said);
  // What went out to one address is not said of another that is typed now.
  await page.getByLabel("To", { exact: true }).fill("somebody@else.example");
  await page.getByText(`The test mail to ${recipient.upn} was accepted.`).waitFor();
  await page.getByLabel("To", { exact: true }).fill(recipient.upn);
  const sent = await demo.mailbox(recipient.upn);
  assert.ok(sent.some(({ mime }) => Buffer.from(mime, "base64").toString().includes(id)), "the message is in the mailbox");
});

test("Check now walks the stages without a message", async () => {
  await page.getByRole("button", { name: "Check now" }).click();
  await page.getByText("All is well: mail can be sent.").waitFor();
  await stage("Mailbox reachable").waitFor();
  // What was seen to be done stays done: a check sends no mail, and takes none back.
  await guideSays("Send a test mail", "done");
});

test("a failed stage names cause and fix", async () => {
  await demo.tenant(`/users/${sender.upn}`, { licenses: [], mailbox: false });
  await page.getByRole("button", { name: "Send Test Email" }).click();
  const failed = page.getByRole("list", { name: "Stages" }).getByRole("listitem").filter({ hasText: "failed" });
  await failed.getByText("Cause").waitFor();
  await failed.getByText("Fix").waitFor();
  await page.getByRole("alert").getByText(/The test stopped at “[^”]+”\./).waitFor();
  await guideSays("Check the mailbox", "to do");
});

test("a second account signs in by secret", async () => {
  await page.getByRole("button", { name: "Add account" }).click();
  await page.getByRole("heading", { name: "New account" }).waitFor();
  await page.getByLabel("Client ID").fill(demo.client_id);
  await page.getByLabel("Tenant ID").fill(demo.tenant_id);
  await page.getByRole("radio", { name: "Client Secret" }).check();
  await page.getByLabel("Client Secret", { exact: true }).fill(demo.client_secret);
  await page.getByLabel("Display name").fill("by secret");
  await page.getByLabel("Sign-in").selectOption("application");
  await page.getByText("Still missing: From").first().waitFor();
  await page.getByLabel("From").fill(recipient.upn);
  await page.getByRole("button", { name: "Authorize now" }).click();
  await page.getByText("The application got a token.").waitFor();
  await page.getByRole("navigation", { name: "Accounts" }).getByRole("link", { name: /by secret.*Ready/ }).waitFor();
});

test("changing the tenant says that the sign-in is over", async () => {
  await page.getByRole("navigation", { name: "Accounts" }).getByRole("link").filter({ hasNotText: "by secret" }).click();
  await page.getByLabel("Tenant ID").fill(demo.domain);
  await page.getByRole("button", { name: "Save", exact: true }).click();
  await page.getByText(/sign-in/i).and(page.locator(".fui-MessageBar *")).first().waitFor();
  await page.getByRole("region", { name: "Authorization" }).getByText("Needs sign-in").waitFor();
  await page.getByText(`Signed in as ${sender.upn}.`).waitFor({ state: "detached" });
});

test("an account is removed after a question", async () => {
  await page.getByRole("navigation", { name: "Accounts" }).getByRole("link", { name: /by secret/ }).click();
  await page.getByRole("button", { name: "Remove account…" }).click();
  await page.getByRole("dialog", { name: "Remove Account" }).getByRole("button", { name: "Remove" }).click();
  await page.getByRole("navigation", { name: "Accounts" }).getByRole("link", { name: /by secret/ }).waitFor({ state: "detached" });
});
