/** What the browser tests share: a logged-in page that fails on errors and on requests to other servers. */
import AxeBuilder from "@axe-core/playwright";
import { test as base, expect, type BrowserContext, type Page, request } from "@playwright/test";

export const LOGIN = "demo@okube.example";
export const PASSWORD = process.env["OKUBE_TEST_PASSWORD"] ?? "a-password-of-the-tests";
export const APPLICATION = "maison-lumen";

interface Fixtures {
  /** A page of a user who has logged in. */
  page: Page;
  isLoggedIn: boolean;
  /** Answers that the test expects to fail: parts of their URLs. */
  expectedFailures: string[];
}

type Cookies = Awaited<ReturnType<BrowserContext["cookies"]>>;

export const test = base.extend<Fixtures, { cookies: Cookies }>({
  /** One login for all tests of a worker: the server limits logins. */
  cookies: [
    async ({}, provide, workerInfo) => {
      const baseURL = workerInfo.project.use.baseURL ?? "";
      const client = await request.newContext({ baseURL });
      const answer = await client.post("/auth/login", {
        data: { login: LOGIN, password: PASSWORD, setCookie: true },
        headers: { Origin: baseURL },
      });
      expect(answer.status()).toBe(200);
      await provide((await client.storageState()).cookies);
      await client.dispose();
    },
    { scope: "worker" },
  ],
  isLoggedIn: [true, { option: true }],
  expectedFailures: [[], { option: true }],
  page: async ({ page, baseURL, isLoggedIn, expectedFailures, cookies }, provide) => {
    const faults: string[] = [];
    const origin = baseURL ?? "";
    page.on("pageerror", (error) => faults.push(`error: ${error.message}`));
    page.on("console", (message) => {
      const isFailedRequest = message.text().startsWith("Failed to load resource");
      if (message.type() === "error" && !isFailedRequest) faults.push(`console: ${message.text()}`);
    });
    page.on("request", (request) => {
      if (!request.url().startsWith(origin) && !/^(data|blob):/.test(request.url()))
        faults.push(`request to another server: ${request.url()}`);
    });
    page.on("response", (response) => {
      const isExpected = expectedFailures.some((part) => response.url().includes(part));
      if (response.status() >= 400 && !isExpected) faults.push(`${response.status()}: ${response.url()}`);
    });
    if (isLoggedIn) await page.context().addCookies(cookies);
    await provide(page);
    expect(faults).toEqual([]);
  },
});

/** Wait until everything that the page asks for has come. */
export async function settle(page: Page): Promise<void> {
  await expect(page.getByRole("main")).toBeVisible(); // before it is known who is logged in, nothing is busy yet
  await page.waitForLoadState("networkidle");
  await expect(page.locator("[aria-busy=true]")).toHaveCount(0);
}

/** Expect that axe finds nothing that hinders people. */
export async function expectAccessible(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).analyze();
  const found = violations.map(({ id, help, nodes }) => ({
    id,
    help,
    nodes: nodes.map(({ html }) => html).slice(0, 5),
  }));
  expect(found).toEqual([]);
}

/** Expect that the page is not wider than the window. */
export async function expectNoOverflow(page: Page): Promise<void> {
  const excess = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth);
  expect(excess).toBeLessThanOrEqual(0);
}

const MOST_STOPS = 120;

/** Press Tab until an element with this name has the focus: a button, or what has this label; or one of a role. */
export async function tabTo(page: Page, name: string | RegExp, role?: "link"): Promise<void> {
  const targets = role
    ? page.getByRole(role, { name })
    : page.getByRole("button", { name, exact: true }).or(page.getByLabel(name, { exact: true }));
  await expect(targets.first()).toBeVisible();
  for (let stop = 0; stop < MOST_STOPS; stop += 1) {
    if (await targets.evaluateAll((elements) => elements.some((element) => element === document.activeElement))) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`Tab does not reach ${String(name)}.`);
}

export { expect };
