/** Figures as the API gives them, to compare the page with. */
import type { Page } from "@playwright/test";

import { APPLICATION } from "./page";

const DAY_MS = 86_400_000;

/** Return as many days as given up to yesterday, which the demo has data of. */
export function lastDays(count: number): { from: string; to: string } {
  const day = (distance: number) => new Date(Date.now() - distance * DAY_MS).toISOString().slice(0, 10);
  return { from: day(count), to: day(1) };
}

/** Ask for KPIs over the whole of a period; return their values in the order asked. */
export async function askWhole(
  page: Page,
  baseURL: string | undefined,
  module: string,
  days: { from: string; to: string },
  kpis: readonly string[],
): Promise<(number | Record<string, number>)[]> {
  const path = `/applications/${APPLICATION}/${module}/analytics?from=${days.from}&to=${days.to}`;
  const answer = await page.request.post(path, {
    data: { params: kpis.map((kpi) => ({ kpi, temporals: false })) },
    headers: { Origin: baseURL ?? "" }, // a login by cookie needs it
  });
  const elements = (await answer.json()) as { data: { all: number | Record<string, number> } }[];
  return elements.map(({ data }) => data.all);
}
