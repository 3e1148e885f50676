import { defineConfig } from "@playwright/test";

const PORT = process.env["OKUBE_TEST_PORT"] ?? "8137";
const URL = process.env["OKUBE_TEST_URL"] ?? `http://127.0.0.1:${PORT}`;

/** Browser tests against the built page, served by a server of their own on generated data. */
export default defineConfig({
  testDir: "e2e",
  outputDir: "test-results",
  fullyParallel: true,
  workers: 2,
  retries: 1, // a machine that is busy with other work; such tests are listed as flaky
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [["list"]],
  use: {
    baseURL: URL,
    locale: "en-GB",
    timezoneId: "Europe/Paris",
    viewport: { width: 1440, height: 900 },
    trace: "retain-on-failure",
    screenshot: "only-on-failure",
    launchOptions: {
      executablePath: process.env["CHROMIUM"] ?? "/usr/bin/chromium",
      args: [
        "--no-sandbox",
        "--use-gl=angle",
        "--use-angle=swiftshader",
        "--enable-unsafe-swiftshader",
        "--disable-gpu-compositing",
        "--disable-gpu-rasterization",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-first-run",
      ],
    },
  },
  ...(process.env["OKUBE_TEST_URL"]
    ? {}
    : {
        webServer: {
          command: `../.venv/bin/okube-api demo --port ${PORT} --folder ../build/web-demo`,
          url: `${URL}/health/ready`,
          env: { OKUBE_DEMO_PASSWORD: "a-password-of-the-tests", OKUBE_TRUSTED_PROXIES: "127.0.0.1", FORCE_COLOR: "" },
          timeout: 180_000,
          reuseExistingServer: false,
        },
      }),
});
