/** Arithmetic of days (`YYYY-MM-DD`), which have no time zone. */
import type { Days } from "~/api/questions";

const DAY_MS = 86_400_000;
/** Weekdays as the API names them, in the order of ISO 8601. */
export const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

/** Return the day at a distance of days from another. */
export function addDays(day: string, count: number): string {
  return new Date(Date.parse(day) + count * DAY_MS).toISOString().slice(0, 10);
}

/** Return the number of days of a period, both ends included. */
export function countDays({ from, to }: Days): number {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS) + 1;
}

/** Return the weekday of a day as in ISO 8601, 1 is Monday. */
export function weekdayOf(day: string): number {
  return new Date(Date.parse(day)).getUTCDay() || 7;
}

/** Return the first day of the week that holds a day. */
export function startOfWeek(day: string, weekStart = "monday"): string {
  const first =
    Math.max(
      0,
      WEEKDAYS.findIndex((name) => name === weekStart),
    ) + 1;
  return addDays(day, -((weekdayOf(day) - first + 7) % 7));
}

/** Return the first day of the month that holds a day, or of one some months later. */
export function startOfMonth(day: string, shift = 0): string {
  const [year = 0, month = 1] = day.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1 + shift, 1)).toISOString().slice(0, 10);
}

/** Return the first day of the quarter that holds a day, or of one some quarters later. */
export function startOfQuarter(day: string, shift = 0): string {
  const month = Number(day.slice(5, 7));
  return startOfMonth(day, -((month - 1) % 3) + 3 * shift);
}

/** Tell whether a text is a day of the calendar. */
export function isDay(text: string): boolean {
  return !Number.isNaN(Date.parse(text)) && new Date(Date.parse(text)).toISOString().startsWith(text);
}

/** Return the local day of now in a time zone. */
export function readToday(timezone: string, now = new Date()): string {
  return new Intl.DateTimeFormat("en-CA", { timeZone: timezone, dateStyle: "short" }).format(now);
}
