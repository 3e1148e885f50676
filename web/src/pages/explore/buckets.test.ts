import { expect, test } from "vitest";

import type { Answer, Granularity } from "~/api/questions";

import { describeBuckets } from "./buckets";
import { BUCKET_CONTEXT } from "./fixtures";

function describeKeys(
  keys: string[],
  mode: "histogram" | "aggregation",
  grain: Granularity,
  starts: string[] = [],
  cut: string[] = [],
) {
  const answer: Answer = { results: [], meta: { buckets: { [grain]: starts }, cut: { [grain]: cut } } };
  return describeBuckets(keys, mode, grain, answer, BUCKET_CONTEXT);
}

test.each([
  ["day", "2026-11-02", "2 Nov", "Mon, 2 Nov 2026"],
  ["week", "2026-10-26", "26 Oct", "26 Oct – 1 November 2026"],
  ["month", "2026-10-01", "Oct 2026", "Oct 2026"],
  ["fiscalMonth", "2026-10-04", "4 Oct", "From 4 October 2026"],
  ["quarter", "2026-10-01", "Q4 2026", "Q4 2026"],
  ["year", "2026-01-01", "2026", "2026"],
  ["fiscalYear", "2026-02-01", "1 Feb", "From 1 February 2026"],
] as const)("a %s that begins on %s", (grain, start, label, title) => {
  expect(describeKeys(["0"], "histogram", grain, [start])[0]).toMatchObject({ label, title });
});

test.each([
  ["day", "1", "Mon", "Monday"],
  ["hour", "9", "9:00", "9:00"],
  ["hourOfWeek", "7-23", "23:00", "Sunday, 23:00"],
  ["week", "53", "W53", "Week 53"],
  ["month", "2", "Feb", "February"],
  ["quarter", "3", "Q3", "Q3"],
  ["fiscalQuarter", "2", "Fiscal Q2", "Fiscal Q2"],
  ["fiscalYear", "2026", "2026", "2026"],
] as const)("the category %s %s", (grain, key, label, title) => {
  const bucket = describeKeys([key], "aggregation", grain)[0];
  expect(bucket?.label.replace(/^0/, "")).toBe(label); // the clock of the locale may have a 0 in front
  expect(bucket?.title?.replace(/\b0(\d:)/, "$1")).toBe(title);
});

test("hours begin anew each day, the first with its date", () => {
  const starts = [...Array<string>(24).fill("2026-11-01"), "2026-11-02", "2026-11-02"];
  const hours = describeKeys(["0", "1", "24", "25"], "histogram", "hour", starts);
  expect(hours.map(({ label }) => label.replace(/^0/, ""))).toEqual(["1 Nov", "1:00", "2 Nov", "1:00"]);
});

test.each([
  ["2026-03-29", 23, { 0: "29 Mar", 1: "1:00", 2: "3:00", 22: "23:00" }],
  ["2026-10-25", 25, { 0: "25 Oct", 2: "2:00", 3: "2:00", 4: "3:00", 24: "23:00" }],
])("hours of %s are those of the clock, which is changed that day", (day, count, expected) => {
  const keys = Array.from({ length: count }, (_, index) => String(index));
  const starts = Array<string>(count).fill(day);
  const labels = describeKeys(keys, "histogram", "hour", starts).map(({ label }) => label.replace(/^0/, ""));
  for (const [index, label] of Object.entries(expected)) expect(labels[Number(index)]).toBe(label);
});

test("buckets that are cut by the period, or not over, are marked", () => {
  const weeks = describeKeys(["0", "1", "2"], "histogram", "week", ["2026-10-26", "2026-11-02", "2026-11-09"], ["0"]);
  expect(weeks.map(({ isCut }) => isCut)).toEqual([true, true, false]); // today is 3 November
  expect(weeks.map(({ isFuture }) => isFuture)).toEqual([false, false, true]);
});

test("days that a filter on weekdays leaves out are no buckets", () => {
  const answer: Answer = { results: [], meta: { buckets: { day: ["2026-11-01", "2026-11-02"] }, cut: {} } };
  const context = { ...BUCKET_CONTEXT, weekdays: new Set([7]) };
  expect(describeBuckets(["0", "1"], "histogram", "day", answer, context).map(({ key }) => key)).toEqual(["0"]);
});
