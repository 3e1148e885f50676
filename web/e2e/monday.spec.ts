/** The questions of a Monday morning, answered by clicks on the demonstration; the figures are those of the API. */
import type { Page } from "@playwright/test";

import { lastWeek } from "./figures";
import { APPLICATION, expect, settle, test } from "./page";

interface Answer {
  results: {
    data: Record<string, never> & { all?: number };
    comparisons: { change: { all: number } }[];
  }[];
}

async function ask(page: Page, module: string, question: object): Promise<Answer> {
  const { from, to } = lastWeek();
  const path = `/applications/${APPLICATION}/${module}/analytics?meta=true&from=${from}&to=${to}`;
  const answer = await page.request.post(path, {
    data: question,
    headers: { Origin: new URL(page.url()).origin },
  });
  expect(answer.status()).toBe(200);
  return (await answer.json()) as Answer;
}

const short = new Intl.NumberFormat("en-GB", { maximumSignificantDigits: 3, notation: "compact" });

test("how was last week, against last year?", async ({ page }) => {
  await page.goto("/");
  await page.getByLabel("Period", { exact: true }).selectOption("last-week");
  await settle(page);
  const { results } = await ask(page, "performance", {
    params: [{ kpi: "visits", temporals: false }],
    compare: { to: ["previousYearSameWeekday"] },
  });
  const change = results[0]?.comparisons[0]?.change.all ?? Number.NaN;
  const card = page.getByRole("button", { name: /^Visits measured/ });
  await expect(card).toContainText(short.format(results[0]?.data.all ?? Number.NaN));
  const percentage = new Intl.NumberFormat("en-GB", { style: "percent", maximumFractionDigits: 1 });
  await expect(card).toContainText(`${percentage.format(Math.abs(change))} ${change > 0 ? "more" : "less"} than`);
});

test("is yesterday's data in?", async ({ page }) => {
  await page.goto("/");
  await expect(page.getByText(/Yesterday is in/)).toBeVisible();
});

test("when is a shop busy?", async ({ page }) => {
  await page.goto(`/a/${APPLICATION}/overview?period=last-week`);
  await page.getByRole("button", { name: "Maison Lumen Lyon" }).click();
  await expect(page).toHaveURL(/f\.sites=lyon/);
  await settle(page);
  const { results } = await ask(page, "performance", {
    params: [{ kpi: "visits", mode: "aggregation", granularity: "hourOfWeek" }],
    filters: { sites: ["lyon"] },
  });
  const hours = Object.entries((results[0]?.data as unknown as { temporals: Record<string, number> }).temporals);
  const most = Math.max(...hours.map(([, visits]) => visits));
  const busiest = hours.filter(([, visits]) => visits === most).map(([hour]) => hour);
  const names = busiest.map((hour) => {
    const [weekday = 1, start = 0] = hour.split("-").map(Number);
    const name = new Intl.DateTimeFormat("en-GB", { weekday: "long", timeZone: "UTC" }).format(
      Date.UTC(2024, 0, weekday),
    );
    return `${name}, ${start}:00`;
  });
  await expect(page.getByText(new RegExp(`Busiest: (${names.join("|")})`)).first()).toBeVisible();
});

test("which region did best, and which campaign, at what cost per visit?", async ({ page }) => {
  await page.goto(`/a/${APPLICATION}/overview?period=last-week`);
  await settle(page);
  const { results } = await ask(page, "performance", {
    params: [{ kpi: "visits", temporals: false, globals: false, by: ["sites.attributes.region"] }],
    filters: { channels: ["offline"] },
  });
  const regions = Object.entries(results[0]?.data as unknown as Record<string, { all: number }>);
  const [best] = regions.sort(([, a], [, b]) => b.all - a.all)[0] ?? [""];
  const groups = page.getByRole("region", { name: "Visits by region" });
  const shown = await groups.getByRole("button").allInnerTexts();
  expect(shown.filter((name) => regions.some(([region]) => region === name))[0]).toBe(best); // "Unknown" is the online shop

  await page.getByRole("link", { name: /All campaigns/ }).click();
  await expect(page).toHaveURL(/campaigns\?period=last-week/);
  await settle(page);
  await expect(page.getByRole("columnheader", { name: /Cost per visit/ })).toBeVisible();
});

test("a copied link shows the same to a colleague", async ({ page, context }) => {
  await page.goto(`/a/${APPLICATION}/overview?period=last-week&f.sites=lyon`);
  await settle(page);
  const colleague = await context.newPage();
  await colleague.goto(page.url());
  await settle(colleague);
  const card = (of: Page) => of.getByRole("button", { name: /^Visits measured/ });
  await expect(card(colleague)).toHaveText(await card(page).innerText(), { useInnerText: true });
});
