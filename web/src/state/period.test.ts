import { describe, expect, it } from "vitest";

import { parseComparison, parsePeriod, presetDays } from "./period";

describe("presetDays", () => {
  it.each([
    ["last-30-days", "2026-10-30", "2026-11-28"],
    ["this-week", "2026-11-23", "2026-11-29"],
    ["last-week", "2026-11-16", "2026-11-22"],
    ["this-month", "2026-11-01", "2026-11-30"],
    ["last-month", "2026-10-01", "2026-10-31"],
    ["this-quarter", "2026-10-01", "2026-12-31"],
    ["last-quarter", "2026-07-01", "2026-09-30"],
    ["this-year", "2026-01-01", "2026-12-31"],
    ["last-year", "2025-01-01", "2025-12-31"],
  ] as const)("gives the days of %s on a Sunday in November", (preset, from, to) => {
    expect(presetDays(preset, "2026-11-29")).toEqual({ from, to });
  });

  it.each([
    ["last-month", "2026-01-15", "2025-12-01", "2025-12-31"],
    ["last-quarter", "2026-02-01", "2025-10-01", "2025-12-31"],
    ["this-month", "2028-02-29", "2028-02-01", "2028-02-29"],
    ["last-week", "2026-01-01", "2025-12-22", "2025-12-28"],
  ] as const)("crosses the year: %s on %s", (preset, today, from, to) => {
    expect(presetDays(preset, today)).toEqual({ from, to });
  });

  it("starts weeks on the day of the application", () => {
    expect(presetDays("last-week", "2026-11-29", "sunday")).toEqual({ from: "2026-11-22", to: "2026-11-28" });
  });
});

describe("periods in the URL", () => {
  it.each([
    ["last-week", "last-week"],
    ["2026-01-01..2026-01-31", { from: "2026-01-01", to: "2026-01-31" }],
    ["2026-01-31..2026-01-01", "last-30-days"],
    ["2026-02-30..2026-03-01", "last-30-days"],
    ["2026-13-01..2026-13-02", "last-30-days"],
    ["nonsense", "last-30-days"],
    [null, "last-30-days"],
  ])("reads %s", (text, period) => {
    expect(parsePeriod(text)).toEqual(period);
  });

  it.each([
    ["none", "none"],
    ["previousPeriod", "previousPeriod"],
    ["2025-01-01..2025-01-31", { from: "2025-01-01", to: "2025-01-31" }],
    ["nonsense", "previousYearSameWeekday"],
    [null, "previousYearSameWeekday"],
  ])("reads the comparison %s", (text, comparison) => {
    expect(parseComparison(text)).toEqual(comparison);
  });
});
