// A demo of Postern with its simulated tenant, and a browser in front of it.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

export const BINARY = process.env.POSTERN_BIN ?? fileURLToPath(new URL("../../target/debug/postern", import.meta.url));
export const BROWSER = process.env.CHROMIUM ?? ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(existsSync);

/** Where the console was built (`npm run build`), to try it without building it into the binary: CONSOLE_DIST=dist. */
const UNBUILT = process.env.CONSOLE_DIST;

/** @param {import("playwright-core").Route} route */
async function fromFolder(route) {
  const file = join(UNBUILT ?? "", new URL(route.request().url()).pathname);
  await route.fulfill({ path: existsSync(file) && statSync(file).isFile() ? file : join(UNBUILT ?? "", "index.html") });
}

/** @typedef {{ upn: string, password: string }} TenantUser */

/**
 * @typedef {{ console: string, user: string, password: string, control: string, cloud: string, tenant_id: string,
 *   client_id: string, client_secret: string, domain: string, users: [TenantUser, TenantUser, TenantUser, ...TenantUser[]],
 *   submission: { host: string, port: number, tls: string, user: string, password: string }, data_dir: string }} Facts
 */

/** What a program under test gets of our environment: nothing that configures it, or tells it whom to trust. */
export function environment() {
  const ours = /^(POSTERN_|SSL_CERT_|NODE_EXTRA_CA_CERTS$|CURL_CA_BUNDLE$|REQUESTS_CA_BUNDLE$|HTTPS?_PROXY$|RUST_LOG$)/i;
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ours.test(name)));
}

/** Starts a demo; `stop` ends it. With a port and a folder it can be started once more as the same one.
 * @param {{ port?: number, dataDir?: string }} [options]
 */
export async function startDemo({ port = 0, dataDir } = {}) {
  const process_ = spawn(BINARY, ["demo", "--json", "--port", String(port), ...(dataDir ? ["--data-dir", dataDir] : [])], {
    stdio: ["ignore", "pipe", "inherit"],
    env: environment(),
  });
  const [line] = await Promise.race([
    once(createInterface({ input: process_.stdout }), "line"),
    once(process_, "exit").then(([code]) => Promise.reject(new Error(`the demo ended with ${code} before it was up`))),
  ]);
  const facts = /** @type {Facts} */ (JSON.parse(line));
  return {
    ...facts,
    stop: async () => {
      const gone = once(process_, "exit");
      process_.kill("SIGTERM");
      await gone;
    },
    /** Changes the simulated tenant. @param {string} path @param {unknown} body */
    tenant: async (path, body) => {
      const response = await fetch(facts.control + path, { method: "PUT", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    },
    /** The messages in a mailbox of the tenant. @param {string} address */
    mailbox: async (address) => /** @type {{ mime: string }[]} */ (await (await fetch(`${facts.control}/mailboxes/${address}/messages`)).json()),
  };
}

/** @typedef {Awaited<ReturnType<typeof startDemo>>} Demo */

/** What keeps the browser to its work: as root, in a container, with a small /dev/shm, speaking with nobody else. */
export const BROWSER_FLAGS = [
  "--no-sandbox",
  "--disable-dev-shm-usage",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
];

/** Starts a browser with a new profile. @param {string[]} [flags] */
export async function startBrowser(flags = []) {
  return chromium.launch({ executablePath: BROWSER, args: [...BROWSER_FLAGS, ...flags] });
}

/** A browser window at the console. Anything that the page itself gets wrong fails the test.
 * @param {import("playwright-core").Browser} browser @param {{ console: string }} where
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function openConsole(browser, { console }, options) {
  const context = await browser.newContext({ baseURL: console, ignoreHTTPSErrors: true, ...options });
  // For machines with other work to do; nothing takes so long by itself.
  context.setDefaultTimeout(45_000);
  if (UNBUILT) await context.route((url) => url.origin === console && !/^\/(api|authorize|healthz)/.test(url.pathname), fromFolder);
  const page = await context.newPage();
  /** @type {string[]} */
  const mistakes = [];
  page.on("pageerror", (error) => mistakes.push(error.message));
  page.on("request", (request) => {
    if (!request.url().startsWith(`${console}/`) && !/^(https:\/\/(localhost|127\.0\.0\.1):|data:|blob:|about:)/.test(request.url())) mistakes.push(`it asked ${request.url()}`);
  });
  page.on("console", (message) => {
    // A refused request is written to the console by the browser itself.
    if (message.type() === "error" && !message.text().startsWith("Failed to load resource")) mistakes.push(message.text());
  });
  return {
    context,
    page,
    close: async () => {
      await context.close();
      if (mistakes.length) throw new Error(`the page made mistakes:\n${mistakes.join("\n")}`);
    },
  };
}

/** @param {import("playwright-core").Page} page @param {{ user: string, password: string }} who */
export async function signIn(page, { user, password }) {
  await page.getByLabel("User name").fill(user);
  await page.getByLabel("Password").fill(password);
  await page.getByRole("button", { name: "Sign in" }).click();
  // A dialog that the address opens may lie over it by then, and hide it from screen readers.
  await page.getByRole("navigation", { name: "Pages", includeHidden: true }).waitFor();
}

/**
 * A demo, a browser, and a window of it in which the administrator is signed in, for all tests of a file; they end with
 * the last of them.
 * @param {import("playwright-core").BrowserContextOptions} [options]
 */
export async function enterConsole(options) {
  const [demo, browser] = await Promise.all([startDemo(), startBrowser()]);
  const { context, page, close } = await openConsole(browser, demo, options);
  after(async () => {
    try {
      await close();
    } finally {
      await browser.close();
      await demo.stop();
    }
  });
  await page.goto("/");
  await signIn(page, demo);
  return { demo, browser, context, page };
}

/** What makes a request of ours one of the console's own. @param {{ console: string }} where */
export function asConsole({ console }) {
  return { "X-Postern": "1", "Sec-Fetch-Site": "same-origin", Origin: console };
}

/** Makes a self-signed certificate and lets the tenant know it. @param {import("playwright-core").Page} page @param {Demo} demo @param {string} name */
export async function giveCertificate(page, demo, name) {
  await page.request.post("/api/v1/certificates/generate", { data: { name }, headers: asConsole(demo) });
  await demo.tenant(`/apps/${demo.client_id}`, { certificates: [await publicPart(page, name)] });
}

/** The public part of a certificate, as PEM. @param {import("playwright-core").Page} page @param {string} name */
export async function publicPart(page, name) {
  return page.evaluate(async (path) => (await fetch(path)).text(), `/api/v1/certificates/${encodeURIComponent(name)}/download?format=pem`);
}

/** Signs in at the simulated tenant's own pages. @param {import("playwright-core").Page} tab @param {{ upn: string, password: string }} user */
export async function signInAtMicrosoft(tab, { upn, password }) {
  await tab.getByText("SIMULATED").first().waitFor();
  await tab.getByLabel("Email").fill(upn);
  await tab.getByLabel("Password").fill(password);
  await tab.getByRole("button", { name: "Sign in" }).click();
  // Who has consented before isn't asked again.
  const accept = tab.getByRole("button", { name: "Accept" });
  const end = tab.getByText(/You have signed in|You may close this tab|The sign-in did not work/);
  await accept.or(end).first().waitFor();
  if (await accept.isVisible()) await accept.click();
}

/** An account that sends as the tenant's first user, ready. @param {import("playwright-core").Page} page @param {Demo} demo */
export async function giveAccount(page, demo) {
  const account = {
    name: "contoso",
    cloud: demo.cloud,
    tenant_id: demo.tenant_id,
    client_id: demo.client_id,
    sign_in: "application",
    from: demo.users[0].upn,
    default: true,
    credential: { kind: "secret", secret: demo.client_secret },
  };
  for (const [path, data] of /** @type {const} */ ([["accounts", account], ["accounts/contoso/authorize", {}]])) {
    const made = await page.request.post(`/api/v1/${path}`, { data, headers: asConsole(demo) });
    if (made.status() !== 201) throw new Error(`${path}: ${await made.text()}`);
  }
}

/** Users besides the administrator, all with this password. @param {import("playwright-core").Page} page @param {Demo} demo @param {string} password */
export async function giveUsers(page, demo, password) {
  for (const [user, role] of [["otto", "operator"], ["vera", "viewer"]]) {
    const made = await page.request.post("/api/v1/users", { data: { user, password, role }, headers: asConsole(demo) });
    if (made.status() !== 201) throw new Error(await made.text());
  }
}
