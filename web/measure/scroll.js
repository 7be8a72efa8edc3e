// How a list scrolls, and how what was found is told.

const SCROLL_SECONDS = 6;

/** @typedef {import("playwright-core").Page} Page */

/** What the page's own work took so far, in seconds: unlike the frames it hardly depends on what else the machine does. @param {import("playwright-core").CDPSession} session */
async function workOf(session) {
  const { metrics } = await session.send("Performance.getMetrics");
  const of = (/** @type {string} */ name) => metrics.find((metric) => metric.name === name)?.value ?? 0;
  return { all: of("TaskDuration"), script: of("ScriptDuration"), layout: of("LayoutDuration") + of("RecalcStyleDuration") };
}

/** Scrolls a list on and on, and tells the frames and the work that each took. @param {Page} page @param {string} label */
export async function scroll(page, label) {
  const session = await page.context().newCDPSession(page);
  await session.send("Performance.enable");
  const before = await workOf(session);
  const seen = await roll(page, label);
  const after = await workOf(session);
  const each = (/** @type {keyof typeof before} */ kind) => Math.round(((after[kind] - before[kind]) * 10_000) / seen.frames) / 10;
  return { ...seen, work_ms: each("all"), script_ms: each("script"), layout_ms: each("layout") };
}

/** One step a frame, as a wheel that never rests. @param {Page} page @param {string} label */
async function roll(page, label) {
  return page.getByRole("region", { name: `${label}, list` }).evaluate(async (scroller, seconds) => {
    /** @type {number[]} */
    const frames = [];
    /** @type {number[]} */
    const long = [];
    const observer = new PerformanceObserver((list) => long.push(...list.getEntries().map(({ duration }) => Math.round(duration))));
    observer.observe({ type: "longtask" });
    /** @returns {Promise<number>} */
    const frame = () => new Promise((resolve) => requestAnimationFrame(resolve));
    let last = await frame();
    const end = last + seconds * 1000;
    let furthest = 0;
    while (last < end) {
      scroller.scrollTop += 100;
      const now = await frame();
      frames.push(now - last);
      last = now;
      furthest = Math.max(furthest, ...[...scroller.querySelectorAll("[aria-rowindex]")].map((row) => Number(row.getAttribute("aria-rowindex"))));
    }
    observer.disconnect();
    frames.sort((a, b) => a - b);
    const at = (/** @type {number} */ share) => Math.round((frames[Math.min(frames.length - 1, Math.floor(frames.length * share))] ?? 0) * 10) / 10;
    return { frames: frames.length, median_ms: at(0.5), p99_ms: at(0.99), worst_ms: at(1), long_tasks_ms: long, furthest_row: furthest, rows_in_document: scroller.querySelectorAll("[aria-rowindex]").length };
  }, SCROLL_SECONDS);
}

/** @param {string} what @param {number | string | object} found */
export const tell = (what, found) => console.log(`${what}: ${typeof found === "object" ? JSON.stringify(found) : found}`);
