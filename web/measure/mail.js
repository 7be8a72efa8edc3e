// What the pages about mail cost with a million messages, of which a hundred thousand wait: docs/performance.md says what
// it found. POSTERN_BIN says which program; a release build is what counts.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { promisify } from "node:util";
import { openConsole, signIn, startBrowser, startDemo } from "../e2e/demo.js";
import { scroll, tell } from "./scroll.js";

const [MESSAGES, WAITING] = [1_000_000, 100_000];

/** How long it takes, in ms. @param {() => Promise<unknown>} what */
async function time(what) {
  const began = performance.now();
  await what();
  return Math.round(performance.now() - began);
}

const folder = await mkdtemp(join(tmpdir(), "postern-measure-"));
const browser = await startBrowser();
let demo = await startDemo({ dataDir: folder });
try {
  await demo.stop();
  const filled = await time(() => promisify(execFile)("python3", [new URL("fill_messages.py", import.meta.url).pathname, join(folder, "postern.db"), String(MESSAGES), String(WAITING)]));
  tell(`${MESSAGES} messages were made in seconds`, Math.round(filled / 1000));
  demo = await startDemo({ dataDir: folder });
  const { page, close } = await openConsole(browser, demo);
  await page.goto("/");
  await signIn(page, demo);

  for (const [what, path] of [
    ["the queue", "queue"],
    ["the chart of a day", "queue/history"],
    ["the chart of 23 days", `queue/history?since=${new Date(Date.now() - 23 * 86_400_000).toISOString()}&step_minutes=360`],
    ["a page of messages", "messages"],
    ["a page of those that wait", "messages?state=queued"],
    ["a page of a search that finds at once", "messages?q=report"],
    ["a page of a search that finds nothing", "messages?q=nowhere"],
    ["the page of one day long ago", `messages?until=${new Date(Date.now() - 15 * 86_400_000).toISOString()}`],
  ]) {
    const times = [];
    for (let turn = 0; turn < 5; turn++) times.push(await time(async () => (await page.request.get(`/api/v1/${path}`)).body()));
    tell(`${what}, ms in five turns`, times.join(", "));
  }

  const table = page.getByRole("table", { name: "Messages" });
  tell("opening the list, ms", await time(async () => {
    await page.goto("/mail");
    await table.getByRole("link").first().waitFor();
  }));
  tell("scrolling the list", await scroll(page, "Messages"));
  await page.goto("/mail");
  tell("searching for the oldest, ms", await time(async () => {
    await page.getByLabel("Search", { exact: true }).fill("report 7 of machine 7");
    await table.getByRole("link", { name: "report 7 of machine 7", exact: true }).waitFor({ timeout: 120_000 });
  }));
  tell("opening the overview, ms", await time(async () => {
    await page.goto("/");
    await page.getByText(/The oldest came/).waitFor();
  }));
  await close();
} finally {
  await browser.close();
  await demo.stop();
  await rm(folder, { recursive: true });
}
