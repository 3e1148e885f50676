/** Numbers and dates as people read them, by `Intl`. */

/** Units of the catalogue: count, share, seconds, days, metres, index, or money (`EUR` means the application's). */
export type Unit = string;

export interface Formats {
  locale: string;
  /** A value as in tables and tooltips: exact. `currency` is that of the application. */
  exact: (value: number | null | undefined, unit: Unit, currency?: string) => string;
  /** A value as in cards: at most three significant digits. */
  short: (value: number | null | undefined, unit: Unit, currency?: string) => string;
  /** A value as in cards, alone: three significant digits, of money with trailing zeros. */
  headline: (value: number | null | undefined, unit: Unit, currency?: string) => string;
  /** A change with its sign: relative as a percentage, a difference of rates in points. */
  change: (value: number | null | undefined, kind: "relative" | "difference") => string;
  share: (value: number) => string;
  /** A day such as 2026-01-31, in words of the locale. */
  day: (day: string) => string;
  /** A day without its year, for axes. */
  shortDay: (day: string) => string;
  weekdayDay: (day: string) => string;
  /** First and last day, months and years said once. */
  range: (from: string, to: string) => string;
  month: (day: string) => string;
  /** Weekday of ISO 8601, 1 is Monday. */
  weekday: (weekday: number, width?: "long" | "short") => string;
  monthName: (month: number, width?: "long" | "short") => string;
  /** An hour of the day, 0 to 23, as on a clock. */
  hour: (hour: number) => string;
  /** An instant in a time zone. */
  instant: (instant: string, timezone?: string) => string;
  count: (value: number) => string;
  /** A number with two digits of its fraction, for columns in which some have one. */
  fraction: (value: number) => string;
  bytes: (value: number) => string;
  list: (items: string[]) => string;
}

const NOTHING = "–";

/** Return a French date with the first day of a month as it is written: "1er mars", which `Intl` does not know. */
function writeFirstDay(date: string): string {
  return date.replace(/(?<!\d)1(?=\s?[\p{L}–])/gu, "1er");
}

function duration(seconds: number): string {
  const rounded = Math.round(seconds);
  if (Math.abs(rounded) < 60) return `${rounded}\u00a0s`;
  const minutes = Math.round(rounded / 60);
  if (Math.abs(minutes) < 60) return `${minutes}\u00a0min`;
  const hours = Math.trunc(minutes / 60);
  return `${hours}\u00a0h\u00a0${String(Math.abs(minutes % 60)).padStart(2, "0")}`;
}

function exactDuration(seconds: number, number: Intl.NumberFormat): string {
  if (Math.abs(seconds) < 60) return `${number.format(seconds)}\u00a0s`;
  const whole = Math.round(seconds); // before it is divided: 60 s are a minute
  const [minutes, rest] = [Math.trunc(whole / 60), Math.abs(whole % 60)];
  if (Math.abs(minutes) < 60) return `${minutes}\u00a0min\u00a0${String(rest).padStart(2, "0")}\u00a0s`;
  return `${Math.trunc(minutes / 60)}\u00a0h\u00a0${String(Math.abs(minutes % 60)).padStart(2, "0")}\u00a0min`;
}

/** Return the formats of a locale. */
export function makeFormats(locale: string): Formats {
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 2 });
  const compact = new Intl.NumberFormat(locale, { maximumSignificantDigits: 3, notation: "compact" });
  const percent = new Intl.NumberFormat(locale, {
    style: "percent",
    minimumFractionDigits: 2,
    maximumFractionDigits: 2,
  });
  const shortPercent = new Intl.NumberFormat(locale, { style: "percent", maximumSignificantDigits: 3 });
  const signedPercent = new Intl.NumberFormat(locale, {
    style: "percent",
    minimumFractionDigits: 1, // numbers of a column are read by their digits
    maximumFractionDigits: 1,
    signDisplay: "exceptZero",
  });
  const signedPoints = new Intl.NumberFormat(locale, {
    maximumFractionDigits: 2,
    maximumSignificantDigits: 3,
    roundingPriority: "lessPrecision",
    signDisplay: "exceptZero",
  });
  const parts = new Intl.NumberFormat(locale, { minimumFractionDigits: 2, maximumFractionDigits: 2 });
  const money = new Map<string, [Intl.NumberFormat, Intl.NumberFormat]>();
  const dates = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat(locale, { timeZone: "UTC", ...options });
  const [longDay, mediumDay, shortDay, weekdayDay, month] = [
    dates({ day: "numeric", month: "long", year: "numeric" }),
    dates({ day: "numeric", month: "short", year: "numeric" }),
    dates({ day: "numeric", month: "short" }),
    dates({ weekday: "short", day: "numeric", month: "short", year: "numeric" }),
    dates({ month: "short", year: "numeric" }),
  ];
  const [longWeekday, shortWeekday, longMonth, shortMonth] = [
    dates({ weekday: "long" }),
    dates({ weekday: "short" }),
    dates({ month: "long" }),
    dates({ month: "short" }),
  ];
  const daysCount = new Intl.NumberFormat(locale, { style: "unit", unit: "day", maximumFractionDigits: 2 });
  const clockHour = dates({ hour: "numeric", minute: "2-digit" });
  const isFrench = locale.startsWith("fr");
  const write = isFrench ? writeFirstDay : (date: string) => date;
  const list = new Intl.ListFormat(locale, { type: "conjunction" });

  function moneyFormats(currency: string): [Intl.NumberFormat, Intl.NumberFormat] {
    let pair = money.get(currency);
    if (!pair) {
      pair = [
        new Intl.NumberFormat(locale, { style: "currency", currency }),
        new Intl.NumberFormat(locale, {
          style: "currency",
          currency,
          notation: "compact",
          maximumSignificantDigits: 3,
        }),
      ];
      money.set(currency, pair);
    }
    return pair;
  }

  function short(value: number | null | undefined, unit: Unit, currency = "EUR"): string {
    if (value === null || value === undefined) return NOTHING;
    if (unit === "EUR") return moneyFormats(currency)[1].format(value);
    if (unit === "1") return shortPercent.format(value);
    if (unit === "s") return duration(value);
    if (unit === "m")
      return value < 1000 ? `${compact.format(value)}\u00a0m` : `${compact.format(value / 1000)}\u00a0km`;
    return compact.format(value);
  }

  return {
    locale,
    exact: (value, unit, currency = "EUR") => {
      if (value === null || value === undefined) return NOTHING;
      if (unit === "EUR") return moneyFormats(currency)[0].format(value);
      if (unit === "1") return percent.format(value);
      if (unit === "s") return exactDuration(value, number);
      if (unit === "d") return daysCount.format(value);
      if (unit === "m")
        return value < 1000 ? `${number.format(value)}\u00a0m` : `${number.format(value / 1000)}\u00a0km`;
      return number.format(value);
    },
    short,
    headline: (value, unit, currency = "EUR") => {
      if (unit !== "EUR" || !value) return short(value, unit, currency);
      const digits = { minimumSignificantDigits: 3, maximumSignificantDigits: 3 };
      return new Intl.NumberFormat(locale, { style: "currency", currency, notation: "compact", ...digits }).format(
        value,
      );
    },
    change: (value, kind) => {
      if (value === null || value === undefined) return NOTHING;
      return kind === "relative" ? signedPercent.format(value) : signedPoints.format(value * 100);
    },
    share: (value) => shortPercent.format(value),
    day: (day) => write(longDay.format(Date.parse(day))),
    shortDay: (day) => write(shortDay.format(Date.parse(day))),
    range: (from, to) => write(mediumDay.formatRange(Date.parse(from), Date.parse(to))),
    weekdayDay: (day) => write(weekdayDay.format(Date.parse(day))),
    month: (day) => month.format(Date.parse(day)),
    weekday: (weekday, width = "long") =>
      (width === "long" ? longWeekday : shortWeekday).format(Date.UTC(2024, 0, weekday)), // 1 January 2024 is a Monday
    monthName: (index, width = "long") =>
      (width === "long" ? longMonth : shortMonth).format(Date.UTC(2024, index - 1, 1)),
    hour: (hour) => (isFrench ? `${hour}\u00a0h` : clockHour.format(Date.UTC(2024, 0, 1, hour))),
    instant: (instant, timezone) =>
      write(
        new Intl.DateTimeFormat(locale, {
          dateStyle: "medium",
          timeStyle: "short",
          ...(timezone ? { timeZone: timezone } : {}),
        }).format(Date.parse(instant)),
      ),
    count: (value) => number.format(value),
    fraction: (value) => parts.format(value),
    bytes: (value) => {
      const [divisor, unit] =
        value < 1e3
          ? [1, "byte"]
          : value < 1e6
            ? [1e3, "kilobyte"]
            : value < 1e9
              ? [1e6, "megabyte"]
              : [1e9, "gigabyte"];
      return new Intl.NumberFormat(locale, { style: "unit", unit, maximumSignificantDigits: 3 }).format(
        value / divisor,
      );
    },
    list: (items) => list.format(items),
  };
}
