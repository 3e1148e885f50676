import { APPLICATION, expect, expectAccessible, expectNoOverflow, settle, test } from "./page";

const PATH = `/a/${APPLICATION}/campaigns`;

test("which campaign did best, at what cost per visit, under which model", async ({ page }) => {
  await page.goto(PATH);
  await settle(page);
  await expect(page.getByText(/No campaign explains [\d,]+ of [\d,]+ visits/)).toBeVisible();
  const table = page.getByRole("region", { name: /^What each did/ });
  await table.getByRole("button", { name: "Cost per visit" }).click();
  await table.getByRole("button", { name: "Cost per visit" }).click();
  await expect(page).toHaveURL(/sort=costPerVisit/);
  await page.getByRole("button", { name: "Shapley" }).click();
  await expect(page).toHaveURL(/model=shapley/);

  await page.getByRole("button", { name: "Levers" }).click();
  await settle(page);
  await expect(table.getByRole("button", { name: "Search", exact: true })).toBeVisible();
  await page.getByRole("button", { name: "Campaigns", exact: true }).click();

  await page.getByLabel("Search", { exact: true }).fill("social");
  await expect(page).toHaveURL(/q=social/);
  await settle(page);
  await expect(table.locator("tbody tr")).toHaveCount(1);
  await table.getByRole("button", { name: /^Social/ }).click();
  await expect(page).toHaveURL(/campaign=social-/);
  await settle(page);
  await expect(page.getByRole("heading", { name: "Exposed against control" })).toBeVisible();
  const models = page.getByRole("region", { name: "Models side by side" });
  await expect(models.locator("tbody tr")).toHaveCount(5);
  await page.getByRole("button", { name: "All campaigns" }).click();
  await expect(page).not.toHaveURL(/campaign=/);
});

test("visits under each model add up to the whole, and to all visits with those of no campaign", async ({ page }) => {
  const answers: {
    path: string;
    body: { results: { kpi: string; scope: string; data: Record<string, { all: Record<string, number> }> }[] };
  }[] = [];
  page.on("response", (response) => {
    if (response.url().includes("/analytics?"))
      void response.json().then((body) => answers.push({ path: new URL(response.url()).pathname, body }));
  });
  await page.goto(`${PATH}?compare=none`);
  await settle(page);
  const find = (kpi: string, scope: string) =>
    answers.flatMap(({ body }) => body.results).find((one) => one.kpi === kpi && one.scope === scope)?.data ?? {};
  const whole = (kpi: string) => (find(kpi, "globals") as unknown as { all: number }).all;
  const attributed = ["offlineVisitsAttributions", "onlineVisitsAttributions"].map(
    (kpi) => (find(kpi, "globals")["all"] as unknown as Record<string, number>)["linear"] ?? NaN,
  );
  const sum = attributed.reduce((left, right) => left + right, 0);
  expect(whole("unattributedVisits") + sum).toBeCloseTo(whole("visits"), 1);
  const table = page.getByRole("region", { name: /^What each did/ });
  const foot = table.locator("tfoot td.number").nth(1);
  await expect(foot).toHaveText(new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 }).format(sum));
});

test("a campaign outside the period says so and leads to its own", async ({ page }) => {
  await page.goto(`${PATH}?campaign=display-1`);
  await settle(page);
  await page.getByRole("button", { name: "Show its own period" }).click();
  await expect(page).toHaveURL(/period=2025-/);
  await settle(page);
  await expect(page.getByRole("heading", { name: "Over time" })).toBeVisible();
});

for (const [colorScheme, locale, width] of [
  ["light", "en-GB", 1440],
  ["light", "fr-FR", 360],
  ["dark", "en-GB", 360],
  ["dark", "fr-FR", 1440],
] as const)
  test.describe(`${colorScheme}, ${locale}, ${width} pixels`, () => {
    test.use({ colorScheme, locale, viewport: { width, height: 900 } });

    test("is accessible and fits", async ({ page }) => {
      for (const query of ["", "?campaign=search-6"]) {
        await page.goto(PATH + query);
        await settle(page);
        await expectAccessible(page);
        await expectNoOverflow(page);
      }
    });
  });
