import js from "@eslint/js";
import hooks from "eslint-plugin-react-hooks";
import { defineConfig } from "eslint/config";
import typescript from "typescript-eslint";

export default defineConfig(
  { ignores: ["dist", "src/api/schema.d.ts"] },
  js.configs.recommended,
  typescript.configs.strictTypeChecked,
  hooks.configs.flat.recommended,
  {
    languageOptions: { parserOptions: { projectService: { allowDefaultProject: ["eslint.config.js", "tools/generate.js"] }, tsconfigRootDir: import.meta.dirname } },
    rules: {
      // node:test runs and reports what these give back.
      "@typescript-eslint/no-floating-promises": ["error", { allowForKnownSafeCalls: [{ from: "package", name: ["test", "before", "after", "afterEach"], package: "node:test" }] }],
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // An event handler that starts a request gives nothing back to wait for; react-query holds its outcome.
      "@typescript-eslint/no-misused-promises": ["error", { checksVoidReturn: { attributes: false } }],
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
    },
  },
  {
    files: ["e2e/**/*.js", "measure/*.js", "tools/*.js"],
    languageOptions: { globals: { process: "readonly", Buffer: "readonly", URL: "readonly", fetch: "readonly", console: "readonly", setTimeout: "readonly", document: "readonly", getComputedStyle: "readonly", DataTransfer: "readonly", File: "readonly", atob: "readonly", requestAnimationFrame: "readonly", PerformanceObserver: "readonly" } },
    rules: {
      // Plain JavaScript, checked by tsc through its comments: what comes out of JSON is any there.
      "@typescript-eslint/no-unsafe-assignment": "off",
      "@typescript-eslint/no-unsafe-member-access": "off",
      "@typescript-eslint/no-unsafe-argument": "off",
      "@typescript-eslint/no-unsafe-call": "off",
      "@typescript-eslint/no-unsafe-return": "off",
    },
  },
);
