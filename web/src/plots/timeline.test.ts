import { describe, expect, it } from "vitest";

import type { Answer } from "~/api/questions";
import { makeFormats } from "~/format/formats";

import {
  comparedLabels,
  defaultGrain,
  isMissing,
  lastDay,
  makeBuckets,
  parseGrain,
  possibleGrains,
  readKnownDays,
} from "./timeline";

const formats = makeFormats("en-GB");

function listDays(from: number, to: number): string[] {
  return Array.from({ length: to - from + 1 }, (_, index) => `2026-11-${String(from + index).padStart(2, "0")}`);
}

const everyDay = new Set([1, 2, 3, 4, 5, 6, 7]);

describe("grains", () => {
  it.each([
    ["2026-11-01", "2026-11-30", "day"],
    ["2026-10-01", "2026-12-31", "week"],
    ["2025-01-01", "2026-12-31", "month"],
  ])("of %s to %s is %s", (from, to, grain) => {
    expect(defaultGrain({ from, to })).toBe(grain);
  });

  it("has no week in a week and no day in years", () => {
    expect(possibleGrains({ from: "2026-11-23", to: "2026-11-29" })).toEqual(["day"]);
    expect(possibleGrains({ from: "2024-01-01", to: "2026-12-31" })).toEqual(["week", "month"]);
  });

  it("in the URL counts only if the period allows it", () => {
    expect(parseGrain("week", { from: "2026-11-01", to: "2026-11-30" })).toBe("week");
    expect(parseGrain("month", { from: "2026-11-23", to: "2026-11-29" })).toBe("day");
  });
});

describe("lastDay", () => {
  it.each([
    ["2026-11-29", "day", "2026-11-29"],
    ["2026-11-23", "week", "2026-11-29"],
    ["2028-02-01", "month", "2028-02-29"],
    ["2026-12-01", "month", "2026-12-31"],
  ] as const)("of %s by %s", (start, grain, last) => {
    expect(lastDay(start, grain)).toBe(last);
  });
});

describe("makeBuckets", () => {
  const days = { from: "2026-11-24", to: "2026-11-30" };

  it("marks today, days ahead and days without data, and knows nothing of days after the latest", () => {
    const known = {
      from: "2026-11-01",
      latest: "2026-11-27",
      days: new Set(["2026-11-24", "2026-11-26", "2026-11-27"]),
      weekdays: everyDay,
    };
    const buckets = makeBuckets(
      { starts: listDays(24, 30), cut: [], grain: "day" },
      { days, today: "2026-11-29", known },
      formats,
    );
    expect(buckets.map(({ isCut }) => isCut)).toEqual([false, true, false, false, true, true, true]);
    expect(buckets.map(({ isAhead }) => isAhead)).toEqual([false, false, false, false, true, true, true]);
  });

  it("marks nothing as missing of data that was never sent, or that is not known yet", () => {
    const never = { from: "2026-11-01", latest: null, days: new Set<string>(), weekdays: everyDay };
    for (const known of [never, undefined]) {
      const buckets = makeBuckets(
        { starts: ["2026-11-24", "2026-11-25"], cut: [], grain: "day" },
        { days: { from: "2026-11-24", to: "2026-11-25" }, today: "2026-11-29", known },
        formats,
      );
      expect(buckets.map(({ isCut, isAhead }) => [isCut, isAhead])).toEqual([
        [false, false],
        [false, false],
      ]);
    }
  });

  it("marks weeks that the period cuts, and a week in which a day is missing", () => {
    const known = {
      from: "2026-11-01",
      latest: "2026-11-28",
      days: new Set(listDays(1, 28).filter((day) => day !== "2026-11-11")),
      weekdays: everyDay,
    };
    const buckets = makeBuckets(
      { starts: ["2026-10-26", "2026-11-02", "2026-11-09", "2026-11-16"], cut: ["0"], grain: "week" },
      { days: { from: "2026-10-30", to: "2026-11-22" }, today: "2026-11-29", known },
      formats,
    );
    expect(buckets.map(({ isCut }) => isCut)).toEqual([true, false, true, false]);
    expect(buckets[0]).toMatchObject({ label: "26 Oct", from: "2026-10-30", start: "2026-10-26" });
  });
});

describe("readKnownDays", () => {
  it("takes days with a value", () => {
    const answer = {
      results: [
        {
          kpi: "visits",
          scope: "globals",
          mode: "histogram",
          granularity: "day",
          data: { temporals: { "0": 3, "1": 0, "2": 5 } },
        },
      ],
      meta: { buckets: { day: listDays(1, 3) } },
    } as unknown as Answer;
    const known = readKnownDays(answer, "visits");
    expect([...known.days]).toEqual(["2026-11-01", "2026-11-03"]);
    expect(known.latest).toBe("2026-11-03");
    expect(readKnownDays(answer, "sales").latest).toBeNull();
  });
});

describe("isMissing", () => {
  const known = (days: string[]) => {
    const starts = listDays(1, 29);
    const temporals = Object.fromEntries(starts.map((day, index) => [String(index), days.includes(day) ? 1 : 0]));
    const element = { kpi: "visits", scope: "globals", mode: "histogram", granularity: "day", data: { temporals } };
    return readKnownDays({ results: [element], meta: { buckets: { day: starts } } } as unknown as Answer, "visits");
  };

  it("is a day without data, but not a Sunday when sites are closed on Sundays", () => {
    const sundays = ["2026-11-01", "2026-11-08", "2026-11-15", "2026-11-22", "2026-11-29"];
    const open = listDays(1, 28).filter((day) => !sundays.includes(day) && day !== "2026-11-12");
    expect(listDays(1, 29).filter((day) => isMissing(day, known(open)))).toEqual(["2026-11-12"]);
  });

  it("is a Sunday when most Sundays have data", () => {
    const open = listDays(1, 27).filter((day) => day !== "2026-11-08");
    const missing = listDays(1, 29).filter((day) => isMissing(day, known(open)));
    expect(missing).toEqual(["2026-11-08", "2026-11-28", "2026-11-29"]);
  });
});

describe("comparedLabels", () => {
  const comparison = { to: "x", from: "2025-11-01", until: "2025-11-30", data: {}, change: {} };

  it("counts from the other period's first day, week or month", () => {
    const label = (grain: "day" | "week" | "month") =>
      comparedLabels(comparison, { grain, count: 2, weekStart: "monday" }, formats)[1];
    expect(label("day")).toBe("Sun, 2 Nov 2025");
    expect(label("week")).toBe("3 November 2025");
    expect(label("month")).toBe("Dec 2025");
  });

  it("is empty when no day is over", () => {
    const none = { ...comparison, from: null, until: null };
    expect(comparedLabels(none, { grain: "day", count: 2, weekStart: "monday" }, formats)).toEqual(["", ""]);
  });
});
