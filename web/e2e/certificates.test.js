// Procedure 1: managing certificates, by the words of console.md; and what every dialog refuses.
import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { readFile } from "node:fs/promises";
import { afterEach, test } from "node:test";
import { fileURLToPath } from "node:url";
import { asConsole, enterConsole, giveCertificate } from "./demo.js";

const fixture = (/** @type {string} */ path) => fileURLToPath(new URL(`../../crates/certs/tests/fixtures/${path}`, import.meta.url));
const pfx = (/** @type {string} */ name) => fixture(`pfx/given/${name}`);
const PASSWORD = "hunter2";

const { demo, page } = await enterConsole();

// A dialog that a failed test left open must not fail the next.
afterEach(async () => {
  while ((await page.getByRole("dialog").count()) > 1) await page.getByRole("button", { name: "Cancel" }).last().click();
});

const dialog = (/** @type {string} */ name) => page.getByRole("dialog", { name, exact: true });
const row = (/** @type {string} */ name) => page.getByRole("row").filter({ has: page.getByText(name, { exact: true }) });

/** Opens the import dialog and fills it in. @param {{ name: string, file?: string | { name: string, mimeType: string, buffer: Buffer }, password?: string, repeated?: string }} what */
async function fillImport({ name, file, password, repeated = password }) {
  await page.getByRole("button", { name: "Import Certificate" }).click();
  const box = dialog("Import Certificate");
  await box.getByLabel("Name", { exact: true }).fill(name);
  if (file) {
    const chooser = page.waitForEvent("filechooser");
    await box.getByRole("button", { name: "Browse…" }).click();
    await (await chooser).setFiles(file);
  }
  if (password) await box.getByLabel("Password", { exact: true }).fill(password);
  if (repeated) await box.getByLabel("Repeat password", { exact: true }).fill(repeated);
  return box;
}

test("the way to the certificates is the one in the procedure", async () => {
  await page.getByRole("link", { name: "Settings" }).click();
  await page.getByRole("tab", { name: "Inventory" }).click();
  await page.getByText("No certificates yet: import one or generate one").waitFor();
  await page.getByRole("button", { name: "Manage" }).click();
  await page.getByRole("menuitem", { name: "Certificates" }).click();
  await dialog("Manage Certificates").waitFor();
  assert.equal(new URL(page.url()).pathname, "/settings/inventory/certificates");
});

test("generating downloads the public certificate and says where it goes", async () => {
  await page.getByRole("button", { name: "Generate Certificate" }).click();
  const box = dialog("Generate New Self-Signed Certificate");
  await box.getByRole("button", { name: "Save" }).click();
  await box.getByText("Give it a name.").waitFor();
  await box.getByLabel("Name", { exact: true }).fill("gate");
  await box.getByLabel("Description", { exact: true }).fill("for the scanners");
  await box.getByRole("button", { name: "Options" }).click();
  await box.getByLabel("Validity").selectOption("90 days");
  await box.getByLabel("Exportable").check();
  const downloaded = page.waitForEvent("download");
  await box.getByRole("button", { name: "Save" }).click();

  const file = await downloaded;
  assert.equal(file.suggestedFilename(), "gate.cer");
  const certificate = new X509Certificate(await readFile(await file.path()));
  const thumbprint = certificate.fingerprint.replaceAll(":", "");
  const notice = page.getByText("gate was generated").locator("..");
  await notice.waitFor();
  const said = (await notice.textContent()) ?? "";
  for (const words of ["Certificates & secrets", "Upload certificate", thumbprint]) assert.ok(said.includes(words), `${words} in: ${said}`);
  await row("gate").getByText("Valid", { exact: true }).waitFor();
});

test("importing takes a password-protected file", async () => {
  const box = await fillImport({ name: "from the old gate", file: pfx("03_3des_3des_chain.pfx"), password: PASSWORD });
  await box.getByRole("button", { name: "Save" }).click();
  await box.waitFor({ state: "detached" });
  await row("from the old gate").getByText("imported").waitFor();
});

/** What is wrong, what is chosen and typed, the field that must say so, and its words. */
const refusals = /** @type {const} */ ([
  ["a wrong password", { file: pfx("04_aes256_sha256_chain.pfx"), password: "wrong" }, "Password", /password does not open the file.*Type the password/i],
  ["a protected file without a password", { file: pfx("04_aes256_sha256_chain.pfx") }, "Password", /none was given/],
  ["two passwords that differ", { file: pfx("04_aes256_sha256_chain.pfx"), password: "one", repeated: "two" }, "Repeat password", /two passwords differ/i],
  ["a file that is none", { file: { name: "letter.pfx", mimeType: "text/plain", buffer: Buffer.from("Dear all,") } }, "Certificate", /neither PKCS#12.*Choose the \.pfx/],
  ["a file that was cut off", { file: fixture("pfx/made/damaged_cut_at_60_percent.pfx"), password: PASSWORD }, "Certificate", /damaged.*Export the certificate again/],
  ["a Java key store", { file: fixture("pfx/made/keytool_java_key_store.jks"), password: PASSWORD }, "Certificate", /Java key store.*keytool -importkeystore/],
  ["an algorithm that nobody reads", { file: fixture("pfx/made/openssl_aes_256_wrap_pad.pfx"), password: PASSWORD }, "Certificate", /cannot read.*Export the certificate again/i],
  ["a key without its certificate", { file: fixture("pem/key_only.pem") }, "Certificate", /no certificate.*together with/i],
  ["a file without a private key", { file: pfx("17_certs_only.pfx"), password: PASSWORD }, "Certificate", /no private key.*with its private key/i],
  ["a key of another certificate", { file: fixture("pem/key_of_another.pem") }, "Certificate", /does not belong.*Export the key together/i],
  ["a key that is not RSA", { file: pfx("16_ec_aes.pfx"), password: PASSWORD }, "Certificate", /not RSA.*generate a certificate here/i],
  ["an RSA key that is too small", { file: fixture("pem/rsa_1024.pem") }, "Certificate", /1024 bits.*2048/],
  ["a certificate whose time is over", { file: fixture("pem/expired.pem") }, "Certificate", /expired on.*renewed/],
  ["a certificate that is stored already", { file: pfx("03_3des_3des_chain.pfx"), password: PASSWORD }, "Certificate", /from the old gate/],
  ["a file that is too large", { file: { name: "big.pfx", mimeType: "application/x-pkcs12", buffer: Buffer.alloc(1024 * 1024 + 1) } }, "Certificate", /larger than 1 MiB/],
  ["no file", {}, "Certificate", /Choose a file/],
]);
for (const [what, fields, label, words] of refusals) {
  test(`importing refuses ${what} at its field and keeps what was typed`, async () => {
    const box = await fillImport({ name: "kept", ...fields });
    await box.getByRole("button", { name: "Save" }).click();
    await box.getByText(words).first().waitFor();
    const blamed = box.getByLabel(label, { exact: true });
    assert.equal(await blamed.getAttribute("aria-invalid"), "true");
    const described = await blamed.evaluate((field) => (field.getAttribute("aria-describedby") ?? "").split(" ").map((id) => document.getElementById(id)?.textContent).join(" "));
    assert.match(described, words);
    // The keyboard is where something is to be mended: at the field, or at the button that chooses the file.
    const place = label === "Certificate" ? box.getByRole("button", { name: "Browse…" }) : blamed;
    await page.waitForFunction((element) => element === document.activeElement, await place.elementHandle());
    assert.equal(await box.getByLabel("Name", { exact: true }).inputValue(), "kept");
    if ("password" in fields) assert.equal(await box.getByLabel("Password", { exact: true }).inputValue(), fields.password);
    await box.getByRole("button", { name: "Cancel" }).click();
    await box.waitFor({ state: "detached" });
    assert.equal(await row("kept").count(), 0);
  });
}

test("what is imported with a warning says so until it was read", async () => {
  const box = await fillImport({ name: "for servers", file: fixture("pfx/made/judged_server_only.pfx"), password: PASSWORD });
  await box.getByRole("button", { name: "Save" }).click();
  const notice = page.getByRole("status").filter({ hasText: "for servers was imported, with a warning." });
  await notice.getByText(/client/i).waitFor();
  assert.ok(!(await page.content()).includes(PASSWORD), "no password stays behind in the page");
  await notice.getByRole("button", { name: "Dismiss" }).click();
  await notice.waitFor({ state: "detached" });
});

test("a name that is taken is said as one types", async () => {
  const box = await fillImport({ name: "GATE" });
  await box.getByText(/already is a certificate named GATE/).waitFor();
  await box.getByRole("button", { name: "Cancel" }).click();
});

test("of several keys in a file one is chosen", async () => {
  const box = await fillImport({ name: "one of two", file: pfx("32_keytool_twokeys.pfx"), password: PASSWORD });
  await box.getByRole("button", { name: "Save" }).click();
  const choices = box.getByRole("radio");
  await choices.first().waitFor();
  assert.equal(await choices.count(), 2);
  await choices.first().check();
  await box.getByRole("button", { name: "Save" }).click();
  await box.waitFor({ state: "detached" });
  await row("one of two").waitFor();
});

/** Lets a file fall on something. @param {import("playwright-core").Locator} target @param {string} file @param {string} name */
async function drop(target, file, name) {
  const content = (await readFile(file)).toString("base64");
  const transfer = await page.evaluateHandle(
    ([text, called]) => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], called));
      return data;
    },
    /** @type {const} */ ([content, name]),
  );
  await target.dispatchEvent("dragover", { dataTransfer: transfer });
  await target.dispatchEvent("drop", { dataTransfer: transfer });
}

test("a file can be dropped: on its row, beside it, or on the list", async () => {
  await page.getByRole("button", { name: "Import Certificate" }).click();
  const box = dialog("Import Certificate");
  await drop(box.getByText("or drop a file here"), pfx("07_aes256_nomac.pfx"), "dropped.pfx");
  await box.getByText("dropped.pfx").waitFor();
  assert.equal(await box.getByLabel("Name", { exact: true }).inputValue(), "dropped");
  await drop(box.getByLabel("Description", { exact: true }), pfx("07_aes256_nomac.pfx"), "beside.pfx");
  await box.getByText("beside.pfx").waitFor();
  await box.getByRole("button", { name: "Cancel" }).click();
  await box.waitFor({ state: "detached" });

  // Over the list, or anywhere else in its dialog; afterwards the keyboard is where the file could have been chosen.
  for (const [target, name] of /** @type {const} */ ([[page.getByRole("table", { name: "Certificates", exact: true }), "on the list.pfx"], [page.getByRole("heading", { name: "Manage Certificates" }), "on the title.pfx"]])) {
    await drop(target, pfx("07_aes256_nomac.pfx"), name);
    await box.getByText(name).waitFor();
    await box.getByRole("button", { name: "Cancel" }).click();
    await box.waitFor({ state: "detached" });
    await page.getByRole("button", { name: "Import Certificate" }).and(page.locator(":focus")).waitFor();
  }
});

test("the actions of a row are words, and its menu goes by the keyboard", async () => {
  await row("gate").hover();
  for (const word of ["Edit", "Delete", "Replace…", "Download"]) await row("gate").getByText(word, { exact: true }).waitFor();
  const button = row("gate").getByRole("button", { name: "Download" });
  await button.focus();
  await page.keyboard.press("Enter");
  const first = page.getByRole("menuitem").first();
  await page.waitForFunction((element) => element === document.activeElement, await first.elementHandle());
  await page.keyboard.press("Escape");
  await page.waitForFunction((element) => element === document.activeElement, await button.elementHandle());
  await page.keyboard.press("Enter");
  await first.waitFor();
  const downloaded = page.waitForEvent("download");
  await page.keyboard.press("Enter");
  assert.equal((await downloaded).suggestedFilename(), "gate.cer");
});

test("editing changes name and description", async () => {
  await row("one of two").hover();
  await row("one of two").getByRole("button", { name: "Edit" }).click();
  const box = dialog("Edit Certificate");
  await box.getByLabel("Name", { exact: true }).fill("the first of two");
  await box.getByLabel("Description", { exact: true }).fill("changed");
  await box.getByRole("button", { name: "Save" }).click();
  await row("the first of two").getByText("changed").waitFor();
});

test("an exportable key leaves under a password only", async () => {
  await row("gate").getByRole("button", { name: "Download" }).first().click();
  await page.getByRole("menuitem", { name: /\.pfx/ }).click();
  const box = dialog("Download Private Key");
  await box.getByRole("button", { name: "Download" }).click();
  await box.getByText("A private key leaves only under a password.").waitFor();
  await box.getByLabel("Password", { exact: true }).fill("long enough");
  await box.getByLabel("Repeat password").fill("long enough");
  const downloaded = page.waitForEvent("download");
  await box.getByRole("button", { name: "Download" }).click();
  assert.equal((await downloaded).suggestedFilename(), "gate.pfx");
});

test("replacing keeps the name", async () => {
  const thumbprint = row("from the old gate").locator("code").first();
  const old = await thumbprint.textContent();
  await row("from the old gate").hover();
  await row("from the old gate").getByRole("button", { name: "Replace…" }).click();
  const box = dialog("Replace Certificate");
  const chooser = page.waitForEvent("filechooser");
  await box.getByRole("button", { name: "Browse…" }).click();
  await (await chooser).setFiles(pfx("32_keytool_twokeys.pfx"));
  await box.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await box.getByRole("button", { name: "Save" }).click();
  // The first key is stored already, by the test before.
  await box.getByRole("radio").last().check();
  await box.getByRole("button", { name: "Save" }).click();
  await box.waitFor({ state: "detached" });
  await page.waitForFunction((before) => !document.body.textContent.includes(before), old ?? "");
  assert.equal(await row("from the old gate").count(), 1);
});

test("deleting asks, and a certificate in use stays", async () => {
  await row("the first of two").hover();
  await row("the first of two").getByRole("button", { name: "Delete" }).click();
  const box = dialog("Delete Certificate");
  await box.getByText("the first of two").waitFor();
  await box.getByRole("button", { name: "Delete" }).click();
  await box.waitFor({ state: "detached" });
  await row("the first of two").waitFor({ state: "detached" });

  await giveCertificate(page, demo, "in use");
  const data = { name: "the account", cloud: demo.cloud, tenant_id: demo.tenant_id, client_id: demo.client_id, credential: { kind: "certificate", certificate: "in use" } };
  assert.equal((await page.request.post("/api/v1/accounts", { data, headers: asConsole(demo) })).status(), 201);
  await row("in use").getByText("the account").waitFor();
  await row("in use").hover();
  await row("in use").getByRole("button", { name: "Delete" }).click();
  await box.getByRole("button", { name: "Delete" }).click();
  await box.getByRole("group").or(box.getByRole("alert")).getByText(/the account/).first().waitFor();
  await box.getByRole("button", { name: "Cancel" }).click();
  await row("in use").waitFor();
});

test("the filter narrows the list", async () => {
  await page.getByLabel("Filter").fill("in use");
  await row("gate").waitFor({ state: "detached" });
  await page.getByLabel("Filter").fill("nothing like that");
  await page.getByText("No certificate contains").waitFor();
});

test("a dialog that was closed doesn't come back by the browser's Back", async () => {
  await dialog("Manage Certificates").getByRole("button", { name: "Close" }).click();
  await page.waitForURL("**/settings/inventory");
  await page.goBack();
  await page.waitForURL((url) => !url.pathname.startsWith("/settings/inventory"));
  assert.equal(await page.getByRole("dialog").count(), 0);
});
