// What Lighthouse says of the console's pages. Its version is in the command below; npm keeps it out of the lock file,
// because it brings more packages than the console has.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { BROWSER, BROWSER_FLAGS, asConsole, openConsole, signIn, startBrowser, startDemo } from "../e2e/demo.js";

const LIGHTHOUSE = "lighthouse@12.8.2";
const CATEGORIES = ["accessibility", "best-practices"];
const PAGES = ["/", "/mail", "/submission", "/audit", "/settings/general", "/settings/email", "/settings/inventory/list", "/settings/inventory/certificates", "/settings/access"];

const demo = await startDemo();
const folder = await mkdtemp(join(tmpdir(), "postern-lighthouse-"));

/** The scores of a page. @param {string} path @param {string} [cookie] */
async function judge(path, cookie) {
  const report = join(folder, "report.json");
  const run = spawn(
    "npx",
    [
      "--yes",
      LIGHTHOUSE,
      demo.console + path,
      `--only-categories=${CATEGORIES.join(",")}`,
      "--output=json",
      `--output-path=${report}`,
      "--quiet",
      `--chrome-flags=--headless ${BROWSER_FLAGS.join(" ")} --ignore-certificate-errors`,
      ...(cookie ? [`--extra-headers=${JSON.stringify({ Cookie: cookie })}`] : []),
    ],
    { stdio: ["ignore", "inherit", "inherit"], env: { ...process.env, CHROME_PATH: BROWSER } },
  );
  const [code] = await once(run, "exit");
  if (code !== 0) throw new Error(`Lighthouse ended with ${code}`);
  const { categories, audits } = JSON.parse(await readFile(report, "utf8"));
  const scores = CATEGORIES.map((name) => `${name} ${Math.round(categories[name].score * 100)}`);
  const faults = Object.values(audits).filter(({ score }) => score !== null && score < 1);
  console.log(`${cookie ? path : "sign-in"}: ${scores.join(", ")}${faults.map(({ id, title }) => `\n  ${id}: ${title}`).join("")}`);
  return CATEGORIES.every((name) => categories[name].score === 1);
}

/** @type {boolean} */
let perfect;
try {
  const browser = await startBrowser();
  const { page, context } = await openConsole(browser, demo);
  await page.goto("/");
  await signIn(page, demo);
  await page.request.post("/api/v1/certificates/generate", { data: { name: "gate" }, headers: asConsole(demo) });
  const cookies = (await context.cookies()).map(({ name, value }) => `${name}=${value}`).join("; ");
  await browser.close();
  perfect = await judge("/");
  for (const path of PAGES) perfect = (await judge(path, cookies)) && perfect;
} finally {
  await demo.stop();
  await rm(folder, { recursive: true });
}
process.exitCode = perfect ? 0 : 1;
