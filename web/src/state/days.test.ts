import { expect, it } from "vitest";

import { addDays, countDays, readToday, startOfMonth, startOfQuarter, startOfWeek, weekdayOf } from "./days";

it("counts days over the change of clocks", () => {
  expect(countDays({ from: "2026-03-28", to: "2026-03-30" })).toBe(3);
  expect(addDays("2026-03-28", 2)).toBe("2026-03-30");
});

it("knows today in the time zone of the application", () => {
  const instant = new Date("2026-11-28T23:30:00Z");
  expect(readToday("Europe/Paris", instant)).toBe("2026-11-29");
  expect(readToday("America/New_York", instant)).toBe("2026-11-28");
});

it("numbers weekdays as ISO 8601 does, and starts weeks on any of them", () => {
  expect([weekdayOf("2026-11-29"), weekdayOf("2026-11-30")]).toEqual([7, 1]);
  expect(startOfWeek("2026-11-29")).toBe("2026-11-23");
  expect(startOfWeek("2026-11-29", "saturday")).toBe("2026-11-28");
});

it("shifts months and quarters over the year", () => {
  expect(startOfMonth("2026-11-29", 2)).toBe("2027-01-01");
  expect(startOfQuarter("2026-02-14", -1)).toBe("2025-10-01");
});
