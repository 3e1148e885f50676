/** Hours of the week of an answer by `hourOfWeek`. */
import type { Days, Values } from "~/api/questions";
import { addDays, startOfWeek, weekdayOf } from "~/state/days";

export interface WeekHours {
  /** Weekdays of ISO 8601 that the period has, in the order of the week. */
  weekdays: number[];
  hours: number[];
  /** By weekday, then hour. */
  values: (number | null)[][];
  busiest: { weekday: number; hour: number; value: number } | undefined;
}

/** Return the hours of the week, without those before the first and after the last one that has values. */
export function readWeekHours(values: Values, weekStart: string): WeekHours {
  const cells = Object.entries(values.temporals ?? {}).map(([key, leaf]) => {
    const [weekday = 0, hour = 0] = key.split("-").map(Number);
    return { weekday, hour, value: typeof leaf === "number" ? leaf : null };
  });
  const busy = cells.filter(({ value }) => value);
  const first = Math.min(...busy.map(({ hour }) => hour));
  const last = Math.max(...busy.map(({ hour }) => hour));
  const hours = busy.length ? Array.from({ length: last - first + 1 }, (_, index) => first + index) : [];
  const monday = startOfWeek("2024-01-01", weekStart); // 1 January 2024 is a Monday
  const weekdays = Array.from({ length: 7 }, (_, index) => weekdayOf(addDays(monday, index))).filter((weekday) =>
    cells.some((cell) => cell.weekday === weekday),
  );
  const byKey = new Map(cells.map(({ weekday, hour, value }) => [`${weekday}-${hour}`, value]));
  let busiest: WeekHours["busiest"];
  for (const { weekday, hour, value } of busy)
    if (value !== null && value > (busiest?.value ?? 0)) busiest = { weekday, hour, value };
  return {
    weekdays,
    hours,
    values: weekdays.map((weekday) => hours.map((hour) => byKey.get(`${weekday}-${hour}`) ?? null)),
    busiest,
  };
}

/** Return how many days of each weekday a period has, up to a last day. */
export function countWeekdays({ from, to }: Days, last: string): Map<number, number> {
  const counts = new Map<number, number>();
  for (let day = from; day <= to && day <= last; day = addDays(day, 1)) {
    const weekday = weekdayOf(day);
    counts.set(weekday, (counts.get(weekday) ?? 0) + 1);
  }
  return counts;
}
