/** Names of buckets: dates, weeks by their first day, hours as on a clock, weekdays by name. */
import type { Answer, Granularity } from "~/api/questions";
import type { Formats } from "~/format/formats";
import type { Texts } from "~/i18n/en";
import type { Bucket } from "~/plots/spec";
import { bucketNames } from "~/plots/timeline";
import { addDays, countDays, startOfMonth, startOfQuarter, startOfWeek, weekdayOf } from "~/state/days";

interface Context {
  /** Weekdays (1 is Monday) that filters keep; the others are no days of the answer. */
  weekdays?: ReadonlySet<number> | undefined;
  formats: Formats;
  texts: Texts["explore"];
  today: string;
  timezone: string;
  weekStart: string;
}

/** Bucket of the axis of time, with its key in the answer. */
export interface TimeBucket extends Bucket {
  key: string;
  /** Whether it has not begun: it has no values yet. */
  isFuture: boolean;
  /** Label of the bucket of the other period that it is compared with. */
  compared?: string;
}

const HOURS_OF_DAY = 24;
const [HOUR_MS, HALF_HOUR_MS] = [3_600_000, 1_800_000];

/** Return the buckets with these keys, in their order. */
export function describeBuckets(
  keys: readonly string[],
  mode: "total" | "histogram" | "aggregation",
  grain: Granularity,
  answer: Answer,
  context: Context,
): TimeBucket[] {
  if (mode !== "histogram") return keys.map((key) => ({ key, isFuture: false, ...categoryName(key, grain, context) }));
  const starts = answer.meta.buckets?.[grain] ?? [];
  const cut = new Set(answer.meta.cut?.[grain] ?? []);
  const comparedFrom = answer.results[0]?.comparisons?.[0]?.from;
  const hasYears = (starts[0] ?? "").slice(0, 4) !== (starts.at(-1) ?? "").slice(0, 4);
  const isKept = (key: string) => {
    if (!context.weekdays || (grain !== "day" && grain !== "hour")) return true;
    return context.weekdays.has(weekdayOf(starts[Number(key)] ?? ""));
  };
  return keys.filter(isKept).map((key) => {
    const index = Number(key);
    const start = starts[index] ?? "";
    const next = starts[index + 1] ?? endOf(start, grain);
    const isUnfinished = grain === "hour" ? start >= context.today : start <= context.today && context.today < next;
    const hour = grain === "hour" ? hourOf(starts, index, context.timezone) : undefined;
    const compared = comparedFrom ? comparedStart(comparedFrom, starts, index, grain, context.weekStart) : undefined;
    return {
      key,
      ...dateName(start, grain, context, hasYears, hour),
      isCut: start <= context.today && (cut.has(key) || isUnfinished),
      isFuture: start > context.today,
      ...(compared ? { compared: dateName(compared, grain, context, true, hour).title } : {}),
    };
  });
}

/** Return the hour that the clock shows at the start of an hourly bucket. */
function hourOf(starts: readonly string[], index: number, timezone: string): number {
  const day = starts[index];
  let [first, end] = [index, index + 1];
  while (first > 0 && starts[first - 1] === day) first -= 1;
  while (starts[end] === day) end += 1;
  const elapsed = index - first;
  if (!day || end - first === HOURS_OF_DAY) return elapsed;
  return listClockHours(day, timezone)[elapsed] ?? elapsed;
}

/** Return what the clock shows each hour from midnight on; days of clock changes have 23 or 25 hours. */
function listClockHours(day: string, timezone: string): number[] {
  const clock = new Intl.DateTimeFormat("sv-SE", { timeZone: timezone, dateStyle: "short", timeStyle: "short" });
  const hours: number[] = [];
  // no local day begins more than 15 hours before the day of UTC, or ends more than 15 hours after it
  for (let at = Date.parse(day) - 15 * HOUR_MS; at < Date.parse(day) + 39 * HOUR_MS; at += HALF_HOUR_MS) {
    const text = clock.format(at); // such as "2026-03-29 03:00"
    if (text.startsWith(day)) hours.push(Number(text.slice(11, 13)));
  }
  return hours.filter((_, index) => index % 2 === 0);
}

const MONTHS: Partial<Record<Granularity, number>> = { month: 1, quarter: 3, year: 12 };

/** Return the day after an interval; of fiscal ones, which vary, not before it can be over. */
function endOf(start: string, grain: Granularity): string {
  const months = MONTHS[grain];
  if (months) return startOfMonth(start, months);
  const days = { hour: 1, day: 1, week: 7, fiscalMonth: 35, fiscalQuarter: 98, fiscalYear: 371 }[grain as "day"];
  return addDays(start, days);
}

/** Return the first day of a bucket of the other period: as many buckets after its first day as in this period. */
function comparedStart(
  from: string,
  starts: readonly string[],
  index: number,
  grain: Granularity,
  weekStart: string,
): string | undefined {
  const first = starts[0] ?? from;
  switch (grain) {
    case "hour":
    case "day":
      return addDays(from, countDays({ from: first, to: starts[index] ?? first }) - 1);
    case "week":
      return addDays(startOfWeek(from, weekStart), 7 * index);
    case "month":
      return startOfMonth(from, index);
    case "quarter":
      return startOfQuarter(from, index);
    case "year":
      return `${Number(from.slice(0, 4)) + index}-01-01`;
    default:
      return undefined;
  }
}

function dateName(
  start: string,
  grain: Granularity,
  { formats, texts }: Context,
  hasYears: boolean,
  hour?: number,
): { label: string; title: string } {
  if (!start) return { label: "", title: "" };
  const quarter = Math.floor((Number(start.slice(5, 7)) - 1) / 3) + 1;
  switch (grain) {
    case "hour": {
      const clock = formats.hour(hour ?? 0);
      return {
        label: hour === 0 ? formats.shortDay(start) : clock,
        title: `${formats.weekdayDay(start)}, ${clock}`,
      };
    }
    case "day":
    case "week":
    case "month":
      return bucketNames(start, grain, formats);
    case "fiscalMonth":
      return start.endsWith("-01")
        ? bucketNames(start, "month", formats)
        : { label: formats.shortDay(start), title: texts.since(formats.day(start)) };
    case "quarter": {
      const label = texts.quarter(quarter, start.slice(0, 4));
      return { label, title: label };
    }
    case "year":
      return { label: start.slice(0, 4), title: start.slice(0, 4) };
    default: {
      const day = formats.day(start);
      return { label: hasYears ? day : formats.shortDay(start), title: texts.since(day) };
    }
  }
}

/** Name of a category of time: a weekday, an hour, a week of the year ... */
function categoryName(key: string, grain: Granularity, { formats, texts }: Context): { label: string; title: string } {
  const number = Number(key);
  const same = (text: string) => ({ label: text, title: text });
  switch (grain) {
    case "day":
      return { label: formats.weekday(number, "short"), title: formats.weekday(number) };
    case "hour":
      return same(formats.hour(number));
    case "hourOfWeek": {
      const [weekday = 1, hour = 0] = key.split("-").map(Number);
      return {
        label: hour === 0 ? formats.weekday(weekday, "short") : formats.hour(hour),
        title: `${formats.weekday(weekday)}, ${formats.hour(hour)}`,
      };
    }
    case "week":
      return { label: texts.weekShort(number), title: texts.weekOfYear(number) };
    case "month":
      return { label: formats.monthName(number, "short"), title: formats.monthName(number) };
    case "quarter":
      return same(texts.quarter(number, ""));
    case "fiscalMonth":
      return same(texts.fiscalMonth(number));
    case "fiscalQuarter":
      return same(texts.fiscalQuarter(number));
    default:
      return same(key);
  }
}
