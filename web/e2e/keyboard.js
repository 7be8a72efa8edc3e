// A page without a mouse: what the keyboard reaches, one key after the other.
import assert from "node:assert/strict";

/** More stops than any page has before its end. */
const MOST_STOPS = 120;

/** @typedef {Parameters<import("playwright-core").Page["getByRole"]>[0]} Role */

/** @param {import("playwright-core").Page} page */
export function keyboard(page) {
  /** @param {import("playwright-core").Locator} wanted */
  const isAt = async (wanted) => (await wanted.count()) > 0 && wanted.first().evaluate((element) => element === document.activeElement);

  /** @param {import("playwright-core").Locator} wanted @param {string} what */
  async function tabTo(wanted, what) {
    await wanted.first().waitFor();
    for (let stops = 0; stops < MOST_STOPS; stops++) {
      if (await isAt(wanted)) return;
      await page.keyboard.press("Tab");
    }
    assert.fail(`Tab never comes to ${what}`);
  }
  return {
    /** Goes on with Tab until it is there. @param {Role} role @param {string} name */
    reach: (role, name) => tabTo(page.getByRole(role, { name, exact: true }), `${role} ${name}`),
    /** The same within something. @param {import("playwright-core").Locator} within @param {Role} role @param {string} name */
    reachIn: (within, role, name) => tabTo(within.getByRole(role, { name, exact: true }), `${role} ${name}`),
    /** It is there already. @param {Role} role @param {string} name */
    at: async (role, name) => {
      const wanted = page.getByRole(role, { name, exact: true }).first();
      await wanted.waitFor();
      await page.waitForFunction((element) => element === document.activeElement, await wanted.elementHandle());
    },
    /** Goes to a field and types. @param {string} label @param {string} text */
    type: async (label, text) => {
      await tabTo(page.getByLabel(label, { exact: true }).and(page.locator("input, textarea")), label);
      await page.keyboard.press("ControlOrMeta+a");
      await page.keyboard.type(text);
    },
    /** @param {string[]} keys */
    press: async (...keys) => {
      for (const key of keys) await page.keyboard.press(key);
    },
  };
}
