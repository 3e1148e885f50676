import preact from "@preact/preset-vite";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

const SERVER = process.env["OKUBE_URL"] ?? "http://127.0.0.1:8000";
const API = ["analytics", "applications", "auth", "campaigns", "ingest", "pois", "sites", "studies", "static", "docs"];

/** Relative addresses, so that the server can serve the page behind any prefix. */
export default defineConfig({
  base: "./",
  plugins: [preact()],
  resolve: { alias: { "~": fileURLToPath(new URL("src", import.meta.url)) } },
  build: {
    outDir: "../okube_api/api/explorer",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 1200,
    assetsInlineLimit: 0, // the policy of the page allows no data: scripts or fonts
    modulePreload: { polyfill: false },
    license: { fileName: "assets/licenses.md" },
  },
  server: { proxy: Object.fromEntries(API.map((name) => [`/${name}`, { target: SERVER }])) },
  test: { environment: "jsdom", include: ["src/**/*.test.ts", "src/**/*.test.tsx"] },
});
