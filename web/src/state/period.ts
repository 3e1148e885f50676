/** Periods of the page: presets such as `last-week`, or days such as `2026-01-01..2026-01-31`. */
import type { Days } from "~/api/questions";

import { addDays, isDay, startOfMonth, startOfQuarter, startOfWeek } from "./days";

export const PRESETS = [
  "last-30-days",
  "this-week",
  "last-week",
  "this-month",
  "last-month",
  "this-quarter",
  "last-quarter",
  "this-year",
  "last-year",
] as const;
export type Preset = (typeof PRESETS)[number];

export const COMPARISONS = [
  "previousYearSameWeekday",
  "previousYear",
  "previousPeriod",
  "previousMonth",
  "previousQuarter",
] as const;
/** A period to compare with: one of these, days, or `none`. */
export type Comparison = (typeof COMPARISONS)[number] | "none" | Days;

export const DEFAULT_PERIOD: Preset = "last-30-days";
const DEFAULT_COMPARISON: Comparison = "previousYearSameWeekday";

const RANGE = /^(\d{4}-\d{2}-\d{2})\.\.(\d{4}-\d{2}-\d{2})$/;

/** Return the days of a preset; `this-...` goes to the end, which may be in the future. */
export function presetDays(preset: Preset, today: string, weekStart = "monday"): Days {
  const week = startOfWeek(today, weekStart);
  const year = Number(today.slice(0, 4));
  switch (preset) {
    case "last-30-days":
      return { from: addDays(today, -30), to: addDays(today, -1) };
    case "this-week":
      return { from: week, to: addDays(week, 6) };
    case "last-week":
      return { from: addDays(week, -7), to: addDays(week, -1) };
    case "this-month":
      return { from: startOfMonth(today), to: addDays(startOfMonth(today, 1), -1) };
    case "last-month":
      return { from: startOfMonth(today, -1), to: addDays(startOfMonth(today), -1) };
    case "this-quarter":
      return { from: startOfQuarter(today), to: addDays(startOfQuarter(today, 1), -1) };
    case "last-quarter":
      return { from: startOfQuarter(today, -1), to: addDays(startOfQuarter(today), -1) };
    case "this-year":
      return { from: `${year}-01-01`, to: `${year}-12-31` };
    case "last-year":
      return { from: `${year - 1}-01-01`, to: `${year - 1}-12-31` };
  }
}

/** Return the days that a text such as `2026-01-01..2026-01-31` names, if it does. */
function parseDays(text: string | null): Days | undefined {
  const [, from, to] = RANGE.exec(text ?? "") ?? [];
  return from && to && isDay(from) && isDay(to) && from <= to ? { from, to } : undefined;
}

/** Return a period as it is written in the URL. */
export function formatDays({ from, to }: Days): string {
  return `${from}..${to}`;
}

/** Return the preset or the days that the URL names; the default for anything else. */
export function parsePeriod(text: string | null): Preset | Days {
  const preset = PRESETS.find((name) => name === text);
  return preset ?? parseDays(text) ?? DEFAULT_PERIOD;
}

/** Return the comparison that the URL names; the default for anything else. */
export function parseComparison(text: string | null): Comparison {
  if (text === "none") return "none";
  return COMPARISONS.find((name) => name === text) ?? parseDays(text) ?? DEFAULT_COMPARISON;
}
