// The audit log: filtered, and as a file.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { asConsole, enterConsole } from "./demo.js";

const { demo, page } = await enterConsole();
for (const name of ["=1+1", "second, with \"quotes\""]) assert.equal((await page.request.post("/api/v1/certificates/generate", { data: { name }, headers: asConsole(demo) })).status(), 201);
await page.request.delete("/api/v1/certificates/nothing", { headers: asConsole(demo) });
await page.getByRole("navigation", { name: "Pages" }).getByRole("link", { name: "Audit" }).click();

const log = () => page.getByRole("table", { name: "Audit log" });
const entries = () => log().getByRole("row").filter({ has: page.getByRole("cell") });

/** Waits until the entries shown are these many. @param {number} count */
async function shows(count) {
  await page.waitForFunction((wanted) => document.querySelectorAll('table[aria-label="Audit log"] tbody [role=row]').length === wanted, count);
}

/** The CSV file that the page gives. */
async function exported() {
  const download = page.waitForEvent("download");
  await page.getByRole("button", { name: "Export CSV" }).click();
  const file = await download;
  assert.match(file.suggestedFilename(), /^postern-audit-\d{4}-\d\d-\d\d\.csv$/);
  return readFile(await file.path(), "utf8");
}

test("an entry says who did what, when, from where and how it ended", async () => {
  const entry = entries().filter({ hasText: "Certificate generated" }).first();
  for (const words of [`user:${demo.user}`, "127.0.0.1", "Done"]) await entry.getByText(words).first().waitFor();
  assert.match((await entry.locator("time").getAttribute("title")) ?? "", /UTC/);
});

test("the filters narrow the log, together and in the address", async () => {
  await page.getByLabel("Action", { exact: true }).selectOption("Certificate generated");
  await shows(2);
  await page.getByLabel("Target", { exact: true }).fill("=1+1");
  await shows(1);
  assert.match(page.url(), /action=certificate\.generate.*target=/);
  await page.reload();
  await shows(1);
  await page.getByLabel("Actor", { exact: true }).fill("user:nobody");
  await page.getByText("No entry fits").waitFor();
  await page.getByLabel("Actor", { exact: true }).fill("");
  await page.getByLabel("Target", { exact: true }).fill("");
  await shows(2);
});

test("the days are whole days here", async () => {
  const days = await page.evaluate(() => [0, 1].map((ahead) => new Date(Date.now() + ahead * 86_400_000).toLocaleDateString("sv-SE")));
  await page.getByLabel("From", { exact: true }).fill(days[0] ?? "");
  await page.getByLabel("To", { exact: true }).fill(days[0] ?? "");
  await shows(2);
  await page.getByLabel("To", { exact: true }).fill("");
  await page.getByLabel("From", { exact: true }).fill(days[1] ?? "");
  await page.getByText("No entry fits").waitFor();
  await page.getByLabel("From", { exact: true }).fill("");
  await shows(2);
});

test("what is filtered is what is exported, and no spreadsheet runs it", async () => {
  const lines = (await exported()).trimEnd().split("\r\n");
  assert.equal(lines[0], "id,time,actor,source,action,target,outcome,code,detail");
  assert.equal(lines.length, 3);
  assert.ok(lines.some((line) => line.includes(",certificate.generate,'=1+1,done,")), lines.join("\n"));
  assert.ok(lines.some((line) => line.includes(',"second, with ""quotes""",')), lines.join("\n"));
  await page.getByLabel("Action", { exact: true }).selectOption("All");
  await entries().filter({ hasText: "Sign-in" }).first().waitFor();
  const all = (await exported()).trimEnd().split("\r\n");
  assert.ok(all.length > 4, `${all.length} lines`);
});
