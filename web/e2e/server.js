// A Postern of its own, without users, in the tenant of a demo; and a reverse proxy to stand in front of it.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request as requestPlain } from "node:http";
import { createServer, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import { buffer, json } from "node:stream/consumers";
import { promisify } from "node:util";
import { BINARY, environment } from "./demo.js";

const run = promisify(execFile);

/** @typedef {import("./demo.js").Demo} Demo */

/** A folder for one server; what it needs to start is in it.
 * @param {Demo} demo whose tenant it sends into, as the cloud `lab`
 * @param {string} [settings] more lines of the configuration
 */
export async function makeHouse(demo, settings = "") {
  const folder = await mkdtemp(join(tmpdir(), "postern-e2e-"));
  const { login, graph, smtp } = await cloudOf(demo);
  const cloud = { name: "lab", login, graph, smtp, ca_file: join(demo.data_dir, "demo-ca.pem"), outlook_scope: "https://outlook.office.com", outlook_app_scope: "https://outlook.office365.com" };
  const lines = Object.entries(cloud).map(([name, value]) => `${name} = ${JSON.stringify(value)}\n`);
  await writeFile(join(folder, "postern.toml"), `${settings}\n[[cloud]]\n${lines.join("")}`);
  return folder;
}

/** Where the demo's tenant is, as the demo's own Postern knows. @param {Demo} demo */
async function cloudOf(demo) {
  const { items } = /** @type {{ items: { name: string, login: string, graph: string, smtp: string }[] }} */ (await askSocket(demo.data_dir, "/api/v1/clouds"));
  const cloud = items.find(({ name }) => name === demo.cloud);
  if (!cloud) throw new Error("the demo has a cloud of its own");
  return cloud;
}

/** What a server says at its socket, where root and its own user need no password. @param {string} dataDir @param {string} path */
async function askSocket(dataDir, path) {
  const asked = requestPlain({ socketPath: join(dataDir, "admin.sock"), path, headers: { host: "localhost" } }).end();
  const [response] = /** @type {[import("node:http").IncomingMessage]} */ (await once(asked, "response"));
  return json(response);
}

/** Starts the server of a folder, on a free port at first; `console` is where it listens. @param {string} folder @param {number} [port] */
export async function startServer(folder, port = 0) {
  const data = join(folder, "data");
  const process_ = spawn(BINARY, ["serve", "--config", join(folder, "postern.toml"), "--data-dir", data, "--listen", `127.0.0.1:${port}`], {
    stdio: ["ignore", "ignore", "pipe"],
    env: environment(),
  });
  /** @type {string[]} */
  const said = [];
  const up = new Promise((resolve, reject) => {
    createInterface({ input: process_.stderr }).on("line", (line) => {
      said.push(line);
      const address = /Postern is up.*console=(\S+)/.exec(line)?.[1];
      if (address) resolve(address);
    });
    process_.once("exit", (code) => reject(new Error(`the server ended with ${code} before it was up:\n${said.join("\n")}`)));
  });
  const address = /** @type {string} */ (await up);
  return {
    port: Number(address.slice(address.lastIndexOf(":") + 1)),
    setupLink: async () => (await readFile(join(data, "setup-link"), "utf8")).trim(),
    stop: async () => {
      const gone = once(process_, "exit");
      process_.kill("SIGTERM");
      await gone;
    },
  };
}

/** @param {string} folder */
export async function removeHouse(folder) {
  await rm(folder, { recursive: true });
}

/**
 * A reverse proxy under `host`, TLS to both sides. It passes Postern's own address as the host, as most proxies do that
 * nobody has told otherwise, and the name that was asked for in the forwarded headers. As nginx does by itself, it
 * holds an answer back until it is complete, unless the answer says that it must not.
 * @param {string} host
 */
export async function startProxy(host) {
  const server = createServer(await selfSigned(host));
  /** @type {Set<import("node:stream").Duplex>} */
  const sockets = new Set();
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  let target = 0;
  server.on("request", (asked, answer) => {
    const { host: wanted = "", ...headers } = asked.headers;
    const forwarded = { ...headers, host: `127.0.0.1:${target}`, "x-forwarded-for": "203.0.113.7", "x-forwarded-host": wanted, "x-forwarded-proto": "https" };
    const passed = request({ host: "127.0.0.1", port: target, path: asked.url, method: asked.method, headers: forwarded, rejectUnauthorized: false }, (response) => {
      if (response.headers["x-accel-buffering"] === "no") passOn(response, response, answer);
      // Whoever breaks off here is gone on the other side, too.
      else buffer(response).then((content) => passOn(response, Readable.from([content]), answer), () => answer.destroy());
    });
    passed.on("error", () => answer.destroy());
    answer.on("close", () => passed.destroy());
    asked.pipe(passed);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return {
    console: `https://${host}:${port}`,
    /** @param {number} to Postern's port */
    lead: (to) => {
      target = to;
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** @param {import("node:http").IncomingMessage} response @param {Readable} content @param {import("node:http").ServerResponse} answer */
function passOn({ statusCode = 502, headers }, content, answer) {
  answer.writeHead(statusCode, headers);
  content.pipe(answer);
}

/** A key and a certificate for a host. @param {string} host */
async function selfSigned(host) {
  const folder = await mkdtemp(join(tmpdir(), "postern-e2e-"));
  try {
    const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
    await run("openssl", ["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", `/CN=${host}`, "-keyout", keyFile, "-out", certFile]);
    return { key: await readFile(keyFile), cert: await readFile(certFile) };
  } finally {
    await rm(folder, { recursive: true });
  }
}
