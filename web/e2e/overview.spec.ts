import { askWhole, lastDays } from "./figures";
import { APPLICATION, expect, expectAccessible, expectNoOverflow, settle, test } from "./page";

const PATH = `/a/${APPLICATION}/overview`;
const BUSIEST = /^Busiest: \w+day, \d+:00 to \d+:00/;

test("how was last week: six figures, and the chosen one in large", async ({ page }) => {
  await page.goto(`${PATH}?period=last-week`);
  await settle(page);
  const figures = page.getByRole("group", { name: "Figures" }).getByRole("button");
  await expect(figures).toHaveCount(6);
  await expect(figures.first()).toContainText(/Visits.*(more|less) than last year/);
  await expect(page.getByText(/^Data up to .* is in\./)).toBeVisible();

  await figures.filter({ hasText: "Sales" }).click();
  await expect(page).toHaveURL(/figure=sales/);
  await expect(page.getByRole("heading", { name: "Sales" })).toBeVisible();
  await settle(page);
  await page.getByRole("button", { name: "Table" }).first().click();
  const days = page.getByRole("region", { name: "Sales", exact: true }).getByRole("row");
  await expect(days).toHaveCount(8); // a head and seven days
  await page.goBack();
  await expect(page.getByRole("heading", { name: "Visits", exact: true })).toBeVisible();
});

test("the figures are those of the API", async ({ page, baseURL }) => {
  const days = lastDays(14);
  await page.goto(`${PATH}?period=${days.from}..${days.to}&compare=none`);
  await settle(page);
  const [visitors, sales] = await askWhole(page, baseURL, "performance", days, ["visitors", "sales"]);
  const [cost] = await askWhole(page, baseURL, "conversions/levers", days, ["costByVisit"]);
  const value = (name: string) =>
    page.getByRole("group", { name: "Figures" }).getByRole("button", { name }).locator("[title]");
  const count = new Intl.NumberFormat("en-GB", { maximumFractionDigits: 2 });
  const money = new Intl.NumberFormat("en-GB", { style: "currency", currency: "EUR" });
  await expect(value("Distinct visitors")).toHaveAttribute("title", count.format(visitors as number));
  await expect(value("Sales")).toHaveAttribute("title", money.format(sales as number));
  await expect(value("Cost per visit")).toHaveAttribute("title", money.format(cost as number));
});

test("from the ranking to one shop and its busiest hour, and a link that shows the same", async ({ page }) => {
  await page.goto(`${PATH}?period=last-month`);
  await settle(page);
  await page.getByRole("button", { name: "Falling" }).click();
  await expect(page).toHaveURL(/sort=change/);
  const sites = page.getByRole("region", { name: "Visits by site" });
  await expect(sites.getByRole("row").nth(1)).toContainText(/-\d/); // names have hyphens, too
  await page.getByRole("button", { name: "Highest" }).click();
  await sites.getByRole("button", { name: "Maison Lumen Paris" }).click();
  await expect(page).toHaveURL(/f\.sites=paris/);
  await settle(page);
  const sentence = await page.getByText(BUSIEST).first().textContent();

  await page.goto(page.url());
  await settle(page);
  await expect(page.getByText(BUSIEST).first()).toHaveText(sentence ?? "");
});

test("regions, and the cost of a visit in each", async ({ page }) => {
  await page.goto(`${PATH}?figure=cost`);
  await settle(page);
  await page.getByLabel("Group sites by").selectOption("sites.attributes.region");
  const regions = page.getByRole("region", { name: "Cost per visit by region" });
  await expect(regions.getByRole("row").nth(1)).toContainText("€");
  await regions.getByRole("button", { name: "Bretagne" }).click();
  await expect(page).toHaveURL(/f\.sites\.attributes\.region=Bretagne/);
});

test("says which filters a figure does not know", async ({ page }) => {
  await page.goto(`${PATH}?period=last-month&f.campaigns=search-6`);
  await settle(page);
  await expect(page.getByText(/Visits, .*: Not limited by Campaign/)).toBeVisible();
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
      await page.goto(`${PATH}?period=this-month&grain=week`);
      await settle(page);
      await expectAccessible(page);
      await expectNoOverflow(page);
    });
  });
