import { describe, expect, it } from "vitest";

import { makeFormats } from "./formats";

const english = makeFormats("en-GB");
const french = makeFormats("fr-FR");
/** Spaces within values do not break, in French numbers they are narrow; tests write them as plain ones. */
const plain = (text: string) => text.replace(/[\u00a0\u202f]/g, " ");

describe("exact values", () => {
  it.each([
    [1234567.5, "n", "1,234,567.5", "1 234 567,5"],
    [1234.5, "EUR", "€1,234.50", "1 234,50 €"],
    [0.12345, "1", "12.35%", "12,35 %"],
    [3725, "s", "1 h 02 min", "1 h 02 min"],
    [125, "s", "2 min 05 s", "2 min 05 s"],
    [119.7, "s", "2 min 00 s", "2 min 00 s"],
    [3599.6, "s", "1 h 00 min", "1 h 00 min"],
    [1500, "m", "1.5 km", "1,5 km"],
    [null, "n", "–", "–"],
  ])("%s %s", (value, unit, expectedEnglish, expectedFrench) => {
    expect(plain(english.exact(value, unit))).toBe(expectedEnglish);
    expect(plain(french.exact(value, unit))).toBe(expectedFrench);
  });

  it("uses the currency of the application", () => {
    expect(english.exact(12, "EUR", "GBP")).toBe("£12.00");
  });
});

describe("short values have three significant digits", () => {
  it.each([
    [1234567, "n", "1.23m"],
    [5833, "n", "5.83k"],
    [12, "n", "12"],
    [0.12345, "1", "12.3%"],
    [3725, "s", "1 h 02"],
    [59.6, "s", "1 min"],
    [45, "s", "45 s"],
  ])("%s %s", (value, unit, expected) => {
    expect(plain(english.short(value, unit)).toLowerCase()).toBe(expected);
  });
});

it("signs changes, and gives those of rates in points", () => {
  expect(english.change(0.1234, "relative")).toBe("+12.3%");
  expect(english.change(-0.5, "relative")).toMatch(/^[-−]50\.0%$/);
  expect(english.change(0, "relative")).toBe("0.0%");
  expect(english.change(0.0123, "difference")).toBe("+1.23");
  expect(english.change(0.34689, "difference")).toBe("+34.7");
  expect(english.change(null, "relative")).toBe("–");
});

it("names weekdays from Monday, and days of the calendar", () => {
  expect(english.weekday(1)).toBe("Monday");
  expect(french.weekday(7)).toBe("dimanche");
  expect(french.day("2026-03-29")).toBe("29 mars 2026");
  expect(english.range("2026-11-01", "2026-11-30")).toMatch(/^1\s?–\s?30 Nov 2026$/);
  expect(english.range("2024-12-31", "2025-01-01")).toMatch(/^31 Dec 2024\s–\s1 Jan 2025$/);
  expect(english.range("2026-11-01", "2026-11-01")).toBe("1 Nov 2026");
});

it("writes the first of a month as people do in French", () => {
  expect(french.day("2026-03-01")).toBe("1er mars 2026");
  expect(french.day("2026-03-11")).toBe("11 mars 2026");
  expect(french.shortDay("2026-11-01")).toBe("1er nov.");
  expect(french.weekdayDay("2026-11-01")).toBe("dim. 1er nov. 2026");
  expect(plain(french.range("2026-11-01", "2026-11-30"))).toMatch(/^1er\s?–\s?30 nov\. 2026$/);
  expect(plain(french.range("2026-10-31", "2026-12-01"))).toMatch(/^31 oct\.\s–\s1er déc\. 2026$/);
  expect(french.instant("2026-11-01T10:05:00Z", "UTC")).toMatch(/^1er nov\. 2026\D+10:05$/);
  expect(english.day("2026-03-01")).toBe("1 March 2026");
});

it("writes hours as people do", () => {
  expect(plain(french.hour(8))).toBe("8 h");
  expect(english.hour(8)).toMatch(/^0?8:00$/);
});
