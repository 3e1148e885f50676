/** Figures as the API gives them, to compare the page with. */
import type { Page } from "@playwright/test";

import { APPLICATION } from "./page";

const DAY_MS = 86_400_000;

interface Days {
  from: string;
  to: string;
}

/** Return today in Paris, where the demo's applications are. */
function readToday(): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: "Europe/Paris", dateStyle: "short" }).format(new Date());
}

function shiftDay(day: string, count: number): string {
  return new Date(Date.parse(day) + count * DAY_MS).toISOString().slice(0, 10);
}

/** Return as many days as given up to yesterday, which the demo has data of. */
export function lastDays(count: number): Days {
  const today = readToday();
  return { from: shiftDay(today, -count), to: shiftDay(today, -1) };
}

/** Return Monday to Sunday of the last complete week. */
export function lastWeek(): Days {
  const today = readToday();
  const weekday = (new Date(today).getUTCDay() + 6) % 7;
  return { from: shiftDay(today, -weekday - 7), to: shiftDay(today, -weekday - 1) };
}

/** Ask for KPIs over the whole of a period; return their values in the order asked. */
export async function askWhole(
  page: Page,
  baseURL: string | undefined,
  module: string,
  days: Days,
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
