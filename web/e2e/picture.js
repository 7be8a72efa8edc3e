// Pictures of the console for the README and the guide, taken by the tests that walk through it, so that they stay true.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";

const FOLDER = process.env.PICTURES;

/** What is shown is settled: nothing loads, nothing moves. @param {import("playwright-core").Page} page */
export async function settle(page) {
  await page.waitForFunction(() => !document.querySelector(".fui-Skeleton, .fui-Spinner"));
  await page.evaluate(async () => {
    // What a click has begun is drawn in one of the next frames.
    for (let calm = 0; calm < 3; calm += 1) {
      await new Promise((drawn) => requestAnimationFrame(drawn));
      const moving = document.getAnimations().filter(({ playState }) => playState === "running");
      if (moving.length > 0) calm = -1;
      await Promise.all(moving.map(({ finished }) => finished.catch(() => undefined)));
    }
  });
}

/** Keeps what the page shows, if pictures are wanted. @param {import("playwright-core").Page} page @param {string} name */
export async function takePicture(page, name) {
  if (!FOLDER) return;
  await settle(page);
  await mkdir(FOLDER, { recursive: true });
  await page.screenshot({ path: join(FOLDER, `${name}.png`), caret: "hide", animations: "disabled" });
}
