import { readFile, writeFile } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import react from "@vitejs/plugin-react";
import { defineConfig, type Plugin } from "vite";

/** Puts a `.br` and a `.gz` beside each text file, so that the server compresses nothing. */
function compressed(): Plugin {
  return {
    name: "compressed",
    apply: "build",
    // What is on the disk is final: until then other plugins still change it.
    async writeBundle({ dir = "dist" }, bundle) {
      for (const fileName of Object.keys(bundle)) {
        const path = join(dir, fileName);
        const content = await readFile(path);
        if (!/\.(js|css|svg)$/.test(fileName) || content.length < 1024) continue;
        const params = { [constants.BROTLI_PARAM_QUALITY]: 11 };
        await writeFile(`${path}.br`, brotliCompressSync(content, { params }));
        await writeFile(`${path}.gz`, gzipSync(content, { level: 9 }));
      }
    },
  };
}

/** With a token nobody is signed in, so the development server says who it is. */
function tokenAsSession(): Plugin {
  return {
    name: "token-as-session",
    configureServer: ({ middlewares }) => void middlewares.use(session),
    configurePreviewServer: ({ middlewares }) => void middlewares.use(session),
  };
  function session(request: IncomingMessage, response: ServerResponse, next: () => void) {
    if (!token || request.url !== "/api/v1/session") { next(); return; }
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ user: "developer", role: "administrator", totp: false, expires: "2100-01-01T00:00:00Z" }));
  }
}

/** `npm run dev` shows the console of a running server: POSTERN_URL says where, POSTERN_TOKEN lets it in by a token. */
const server = process.env["POSTERN_URL"] ?? "https://localhost:4443";
const token = process.env["POSTERN_TOKEN"];

const proxy = {
  "^/(api|authorize|healthz)": {
    target: server,
    secure: false,
    changeOrigin: true,
    ...(token ? { headers: { authorization: `Bearer ${token}` } } : {}),
  },
};

export default defineConfig({
  plugins: [react(), compressed(), tokenAsSession()],
  build: { target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0, chunkSizeWarningLimit: 700 },
  server: { proxy },
  preview: { proxy },
});
