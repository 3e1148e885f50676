/** Questions that people make up themselves: choices, plots, tables, requests and files. */
import { readFile } from "node:fs/promises";

import { APPLICATION, expect, expectAccessible, expectNoOverflow, PASSWORD, LOGIN, settle, test } from "./page";

const EXPLORE = `/a/${APPLICATION}/explore`;

interface CatalogueEntry {
  module: string;
  kpi: string;
}

test("make up a question by clicks; its link shows the same", async ({ page, context }) => {
  await page.goto(EXPLORE);
  await settle(page);
  await page.getByRole("button", { name: "Figure" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Search figures").fill("basket");
  await dialog.getByRole("button", { name: /^Average basket/ }).click();
  await expect(page).toHaveURL(/kpi=averageBasket/);

  await page.getByLabel("Group by").selectOption("sites.attributes.region");
  await page.getByRole("group", { name: "Time" }).getByRole("button", { name: "Whole period" }).click();
  await settle(page);
  await expect(page.getByRole("heading", { name: "Average basket by region" })).toBeVisible();
  await expect(page.getByRole("checkbox", { name: /^Share of the whole/ })).toBeDisabled(); // of a ratio
  const table = page.getByRole("table", { name: "Average basket by region" });
  await expect(table.getByRole("row", { name: /Bretagne/ })).toBeVisible();
  await table.getByRole("button", { name: "Region" }).click();
  await expect(page).toHaveURL(/order=label0/);
  await expect(table.getByRole("columnheader", { name: "Region" })).toHaveAttribute("aria-sort", "ascending");

  const copy = await context.newPage();
  await copy.goto(page.url());
  await settle(copy);
  const rows = await table.getByRole("row").allInnerTexts();
  expect(await copy.getByRole("table", { name: "Average basket by region" }).getByRole("row").allInnerTexts()).toEqual(
    rows,
  );
  await page.goBack();
  await expect(page).not.toHaveURL(/order=/);
});

test("what the catalogue does not allow is grey, with the reason", async ({ page }) => {
  await page.goto(`${EXPLORE}?module=geo-marketing&kpi=poiSessions&by=sites`);
  await settle(page);
  const choice = page.getByLabel("Then by").getByRole("option", { name: "Point of interest (not together with Site)" });
  await expect(choice).toBeDisabled();
  const grain = page.getByLabel("Interval").getByRole("option", { name: /^Fiscal months \(needs a fiscal calendar/ });
  await expect(grain).toBeDisabled();
});

test("filters of the question alone change its answer only", async ({ page }) => {
  await page.goto(`${EXPLORE}?kpi=visits&mode=total`);
  await settle(page);
  const figure = page.getByRole("definition").first();
  const before = await figure.innerText();
  await page.getByText("Only", { exact: true }).click();
  await page.getByRole("checkbox", { name: "Saturday" }).check();
  await expect(page).toHaveURL(/q\.weekdays=6/);
  await expect(figure).not.toHaveText(before);
  await page.getByRole("button", { name: "Limit by another field" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Maison Lumen Lyon").check();
  await dialog.getByLabel("Leave these out instead").check();
  await dialog.getByRole("button", { name: "Apply" }).click();
  await expect(page).toHaveURL(/x\.sites=lyon/);
  await settle(page);
  await expect(page.getByRole("button", { name: /^Remove the limit Except – Site: Maison Lumen Lyon/ })).toBeVisible();
});

test("the request of the page runs as it is, and files can be downloaded", async ({ page, baseURL }) => {
  await page.goto(`${EXPLORE}?kpi=sales&by=sites.attributes.region&mode=total&compare=none`);
  await settle(page);
  const total = await page
    .getByRole("table")
    .getByRole("row", { name: /^Total/ })
    .innerText();
  await page.getByRole("button", { name: "Request" }).click();
  const dialog = page.getByRole("dialog");
  const address = await dialog.locator(".request-address code").innerText();
  const question = JSON.parse(await dialog.locator("pre").innerText()) as object;
  const login = await page.request.post("/auth/login", { data: { login: LOGIN, password: PASSWORD } });
  const { token } = ((await login.json()) as { auth: { token: string } }).auth;
  expect(address).toContain(`${baseURL ?? ""}/applications/${APPLICATION}/performance/analytics?from=`);
  const answer = await page.request.post(address, { data: question, headers: { Authorization: `Bearer ${token}` } });
  const { results } = (await answer.json()) as { results: { data: { all: number } }[] };
  expect(total).toContain(results[0]?.data.all.toLocaleString("en-GB", { minimumFractionDigits: 2 }));
  await dialog.getByRole("button", { name: "curl" }).click();
  await expect(dialog.locator("pre")).toContainText("curl '");
  await dialog.getByRole("button", { name: "Close" }).click();

  await page.getByRole("button", { name: "Download" }).first().click();
  const [download] = await Promise.all([
    page.waitForEvent("download"),
    page.getByRole("button", { name: "CSV", exact: true }).click(),
  ]);
  expect(download.suggestedFilename()).toMatch(/\.csv$/);
  expect(await readFile(await download.path(), "utf8")).toContain("Bretagne");
});

test("every figure of the catalogue has an answer to look at", async ({ page }) => {
  test.setTimeout(420_000);
  await page.goto(EXPLORE);
  await settle(page);
  const answer = await page.request.get("/analytics/kpis");
  const kpis = (await answer.json()) as CatalogueEntry[];
  expect(kpis.length).toBeGreaterThan(100);
  for (const { module, kpi } of kpis) {
    await page.evaluate((url) => {
      history.pushState(null, "", url);
      dispatchEvent(new PopStateEvent("popstate"));
    }, `${EXPLORE}?module=${module}&kpi=${kpi}`);
    await expect(page.locator(".question code")).toHaveText(kpi);
    await settle(page);
    const region = page.getByRole("region", { name: "Answer" });
    await expect(region.locator(".plot-canvas, .result-figures").first(), `${module} ${kpi}`).toBeVisible();
    await expect(region.getByRole("table").locator("tbody tr").first(), `${module} ${kpi}`).toBeVisible();
    await expect(region.getByRole("alert"), `${module} ${kpi}`).toHaveCount(0);
  }
});

for (const query of [
  "kpi=sales&by=sites.attributes.region&by2=channels",
  "module=presence&kpi=visitOrder",
  "kpi=basketDistribution&by=sites&q.weekdays=6",
  "kpi=visits&mode=aggregation&grain=hourOfWeek",
])
  test(`accessible and within the window: ${query}`, async ({ page }) => {
    await page.goto(`${EXPLORE}?${query}`);
    await settle(page);
    await expectAccessible(page);
    await page.setViewportSize({ width: 360, height: 740 });
    await expectNoOverflow(page);
    await expectAccessible(page);
  });
