/** Buckets of time of an answer: their names, and which are not complete. */
import type { Answer, Comparison, Days, Leaf, Values } from "~/api/questions";
import type { Formats } from "~/format/formats";
import { addDays, countDays, startOfMonth, startOfWeek, weekdayOf } from "~/state/days";

import type { Bucket } from "./spec";

export const GRAINS = ["day", "week", "month"] as const;
export type Grain = (typeof GRAINS)[number];

const MOST_DAYS = 62;
const MOST_WEEKS_D = 371; // 53 weeks

/** Return the grain that shows a period best: some ten to sixty buckets. */
export function defaultGrain(days: Days): Grain {
  const count = countDays(days);
  return count <= MOST_DAYS ? "day" : count <= MOST_WEEKS_D ? "week" : "month";
}

/** Return the grains that make sense for a period: neither one bucket only nor hundreds. */
export function possibleGrains(days: Days): Grain[] {
  const count = countDays(days);
  return GRAINS.filter((grain) => (grain === "day" ? count <= 400 : grain === "week" ? count > 7 : count > 31));
}

/** Return the grain that the URL names if the period allows it, else the default. */
export function parseGrain(text: string | null, days: Days): Grain {
  return possibleGrains(days).find((grain) => grain === text) ?? defaultGrain(days);
}

/** Return the last day of a bucket. */
export function lastDay(start: string, grain: Grain): string {
  if (grain === "day") return start;
  if (grain === "week") return addDays(start, 6);
  return addDays(startOfMonth(start, 1), -1);
}

/** Days with and without data, from the first to the last that were asked about. */
export interface KnownDays {
  from: string;
  /** The last day that has data. */
  latest: string | null;
  days: ReadonlySet<string>;
  /** Weekdays (1 is Monday) on which data can be expected: on the others, most days have none, as sites are closed. */
  weekdays: ReadonlySet<number>;
}

function expectedWeekdays(days: ReadonlySet<string>): Set<number> {
  const sorted = [...days].sort();
  const [first, last] = [sorted[0], sorted.at(-1)];
  const [all, present] = [new Map<number, number>(), new Map<number, number>()];
  for (let day = first; day !== undefined && last !== undefined && day <= last; day = addDays(day, 1)) {
    const weekday = weekdayOf(day);
    all.set(weekday, (all.get(weekday) ?? 0) + 1);
    if (days.has(day)) present.set(weekday, (present.get(weekday) ?? 0) + 1);
  }
  return new Set([1, 2, 3, 4, 5, 6, 7].filter((weekday) => 2 * (present.get(weekday) ?? 0) >= (all.get(weekday) ?? 0)));
}

/** Tell whether a day has no data although days like it have some. */
export function isMissing(day: string, known: KnownDays): boolean {
  return known.from <= day && known.latest !== null && !known.days.has(day) && known.weekdays.has(weekdayOf(day));
}

/** Return which days have data, from an element by day without filters. */
export function readKnownDays(answer: Answer, kpi: string): KnownDays {
  const starts = answer.meta.buckets?.["day"] ?? [];
  const element = answer.results.find((one) => one.kpi === kpi && one.scope === "globals");
  const temporals = (element?.data as Values | undefined)?.temporals ?? {};
  const days = new Set(starts.filter((_, index) => Boolean(temporals[String(index)])));
  return { from: starts[0] ?? "", latest: [...days].sort().at(-1) ?? null, days, weekdays: expectedWeekdays(days) };
}

export interface TimeBucket extends Bucket {
  start: string;
  /** Whether no day of it is over or has data yet: its value is unknown, not 0. */
  isAhead: boolean;
}

/**
 * Return the buckets of a period.
 *
 * Cut are those that the period cuts, that are not over, or in which a day has no data although days like it have.
 */
export function makeBuckets(
  { starts, cut, grain }: { starts: readonly string[]; cut: readonly string[]; grain: Grain },
  { days, today, known }: { days: Days; today: string; known?: KnownDays | undefined },
  formats: Formats,
): TimeBucket[] {
  return starts.map((start, index) => {
    const first = start < days.from ? days.from : start;
    const end = lastDay(start, grain);
    const last = end > days.to ? days.to : end;
    let isUnknown = false;
    for (let day = first; !isUnknown && day <= last; day = addDays(day, 1))
      isUnknown = day >= today || (known !== undefined && isMissing(day, known));
    const isCut = isUnknown || cut.includes(String(index));
    const isAhead = first > today || (isUnknown && typeof known?.latest === "string" && first > known.latest);
    return { start, from: first, ...bucketNames(start, grain, formats), isCut, isAhead };
  });
}

/** Return the label and the title of the bucket that begins on a day. */
export function bucketNames(start: string, grain: Grain, formats: Formats): { label: string; title: string } {
  if (grain === "month") return { label: formats.month(start), title: formats.month(start) };
  if (grain === "week")
    return { label: formats.shortDay(start), title: `${formats.shortDay(start)} – ${formats.day(addDays(start, 6))}` };
  return { label: formats.shortDay(start), title: formats.weekdayDay(start) };
}

/** Return the leaves of an element by bucket, in order; null where there is none. */
export function readLeaves(values: Values | undefined, count: number): Leaf[] {
  return Array.from({ length: count }, (_, index) => values?.temporals?.[String(index)] ?? null);
}

/** Return the names of the buckets of the other period of a comparison, for tooltips. */
export function comparedLabels(
  comparison: Comparison,
  { grain, count, weekStart }: { grain: Grain; count: number; weekStart: string },
  formats: Formats,
): string[] {
  const { from } = comparison;
  if (from === null) return Array.from({ length: count }, () => "");
  return Array.from({ length: count }, (_, index) => {
    if (grain === "day") return formats.weekdayDay(addDays(from, index));
    if (grain === "week") return formats.day(addDays(startOfWeek(from, weekStart), 7 * index));
    return formats.month(startOfMonth(from, index));
  });
}
