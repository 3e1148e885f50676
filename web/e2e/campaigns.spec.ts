import { askWhole, lastDays } from "./figures";
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

test("visits under a model add up to all visits, with those of no campaign", async ({ page, baseURL }) => {
  const days = lastDays(30);
  await page.goto(`${PATH}?period=${days.from}..${days.to}&compare=none`);
  await settle(page);
  const kpis = ["offlineVisitsAttributions", "onlineVisitsAttributions"];
  const credits = (await askWhole(page, baseURL, "conversions/levers", days, kpis)) as Record<string, number>[];
  const attributed = credits.reduce((sum, { linear }) => sum + (linear ?? NaN), 0);
  const table = page.getByRole("region", { name: /^What each did/ });
  const count = new Intl.NumberFormat("en-GB", { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  await expect(table.locator("tfoot td.number").nth(1)).toHaveText(count.format(attributed));

  const sentence = await page.getByText(/No campaign explains/).textContent();
  const [, unexplained = "", all = ""] = /explains ([\d,]+) of ([\d,]+) visits/.exec(sentence ?? "") ?? [];
  const read = (text: string) => Number(text.replaceAll(",", ""));
  expect(Math.abs(read(all) - read(unexplained) - attributed)).toBeLessThan(1.1); // each is rounded
});

test("a campaign outside the period says so and leads to its own", async ({ page }) => {
  await page.goto(`${PATH}?campaign=display-1`);
  await settle(page);
  await page.getByRole("button", { name: "Show its own period" }).click();
  await expect(page).toHaveURL(/period=2025-/);
  await settle(page);
  await expect(page.getByRole("heading", { name: "Over time" })).toBeVisible();
});

const LIST_AND_DETAIL = ["", "?campaign=search-6"] as const;
for (const [colorScheme, locale, width, queries] of [
  ["light", "en-GB", 1440, ["?campaign=search-6"]], // everywhere.spec.ts has the list
  ["light", "fr-FR", 360, LIST_AND_DETAIL],
  ["dark", "en-GB", 360, LIST_AND_DETAIL],
  ["dark", "fr-FR", 1440, LIST_AND_DETAIL],
] as const)
  test.describe(`${colorScheme}, ${locale}, ${width} pixels`, () => {
    test.use({ colorScheme, locale, viewport: { width, height: 900 } });

    test("is accessible and fits", async ({ page }) => {
      for (const query of queries) {
        await page.goto(PATH + query);
        await settle(page);
        await expectAccessible(page);
        await expectNoOverflow(page);
      }
    });
  });
