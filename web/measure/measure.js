// What the console costs, measured in a browser as its user would feel it: docs/performance.md says what it found.
// POSTERN_BIN says which program; a release build is what counts.
import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { asConsole, openConsole, signIn, startBrowser, startDemo } from "../e2e/demo.js";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { scroll, tell } from "./scroll.js";

const CERTIFICATES = 1000;
const ENTRIES = 1_000_000;
/** How many are made at the same time. */
const AT_ONCE = 4;

/** @typedef {import("playwright-core").Page} Page */

/** Bytes over the wire, headers included, until the page is there. @param {Page} page @param {() => Promise<unknown>} load */
async function countBytes(page, load) {
  const network = await page.context().newCDPSession(page);
  await network.send("Network.enable");
  let bytes = 0;
  network.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await load();
  await page.waitForLoadState("networkidle");
  return bytes;
}

const folder = await mkdtemp(join(tmpdir(), "postern-measure-"));
const browser = await startBrowser();
let demo = await startDemo({ dataDir: folder });
try {
  const { port } = new URL(demo.console);
  let { page, close } = await openConsole(browser, demo);
  tell("first load, sign-in page, bytes", await countBytes(page, () => page.goto("/")));
  await signIn(page, demo);
  const fresh = await openConsole(browser, demo, { storageState: await page.context().storageState() });
  tell("first load, overview, bytes", await countBytes(fresh.page, () => fresh.page.goto("/")));
  await fresh.close();
  const headers = asConsole(demo);
  const made = Date.now();
  for (let begun = 0; begun < CERTIFICATES; begun += AT_ONCE)
    await Promise.all(Array.from({ length: AT_ONCE }, (_, at) => page.request.post("/api/v1/certificates/generate", { data: { name: `certificate ${begun + at + 1}` }, headers, timeout: 120_000 })));
  tell(`${CERTIFICATES} certificates were made in seconds`, Math.round((Date.now() - made) / 1000));
  await close();

  await demo.stop();
  await promisify(execFile)("python3", [new URL("fill_audit.py", import.meta.url).pathname, join(folder, "postern.db"), String(ENTRIES)]);
  demo = await startDemo({ dataDir: folder, port: Number(port) });
  ({ page, close } = await openConsole(browser, demo));
  await page.goto("/settings/inventory/list");
  await signIn(page, demo);
  await page.getByRole("row", { name: /certificate/ }).first().waitFor();
  tell(`scrolling ${CERTIFICATES} certificates`, await scroll(page, "Certificates"));
  const filtering = Date.now();
  await page.getByLabel("Filter").fill("certificate 777");
  await page.waitForFunction(() => document.querySelectorAll('table[aria-label="Certificates"] tbody [role=row]').length === 1);
  tell("filtering the certificates, ms", Date.now() - filtering);

  const opening = Date.now();
  await page.goto("/audit");
  await page.getByRole("cell", { name: /Certificate/ }).first().waitFor();
  tell(`opening the log of ${ENTRIES} entries, ms`, Date.now() - opening);
  tell(`scrolling the log of ${ENTRIES} entries`, await scroll(page, "Audit log"));
  const narrowing = Date.now();
  await page.getByLabel("Target", { exact: true }).fill("target 4242");
  await page.getByRole("cell", { name: "target 4242" }).first().waitFor();
  tell("filtering the log, ms", Date.now() - narrowing);
  await close();
} finally {
  await browser.close();
  await demo.stop();
  await rm(folder, { recursive: true });
}
