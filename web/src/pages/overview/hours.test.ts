import { describe, expect, it } from "vitest";

import { countWeekdays, readWeekHours } from "./hours";

describe("readWeekHours", () => {
  const values = { temporals: { "1-8": 0, "1-9": 4, "1-10": 0, "6-10": 7, "6-11": 0, "7-9": 0, "7-10": 2 } };

  it("leaves out hours before the first and after the last value, and finds the busiest", () => {
    const week = readWeekHours(values, "monday");
    expect(week.hours).toEqual([9, 10]);
    expect(week.weekdays).toEqual([1, 6, 7]);
    expect(week.values).toEqual([
      [4, 0],
      [null, 7],
      [0, 2],
    ]);
    expect(week.busiest).toEqual({ weekday: 6, hour: 10, value: 7 });
  });

  it("begins with the first day of the week", () => {
    expect(readWeekHours(values, "sunday").weekdays).toEqual([7, 1, 6]);
  });

  it("is empty without values", () => {
    expect(readWeekHours({ temporals: { "1-9": 0 } }, "monday")).toMatchObject({ hours: [], busiest: undefined });
  });
});

describe("countWeekdays", () => {
  it("counts days up to the last that matters", () => {
    const counts = countWeekdays({ from: "2026-11-23", to: "2026-12-06" }, "2026-11-30");
    expect(counts.get(1)).toBe(2);
    expect(counts.get(7)).toBe(1);
  });
});
