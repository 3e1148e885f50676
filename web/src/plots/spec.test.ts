import { expect, it } from "vitest";

import { plotValues, quantile } from "./spec";

it("interpolates quantiles", () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([1, 2, 3], 1)).toBe(3);
  expect(quantile([], 0.98)).toBe(0);
});

it("cuts a scale below an outlier", () => {
  const values = Array.from({ length: 168 }, (_, index) => index % 10);
  expect(quantile([...values, 10_000], 0.98)).toBeLessThanOrEqual(9);
});

it("lists a plot's own values without those of the other period", () => {
  const common = { title: "visits", unit: "n" };
  const buckets = [{ label: "a" }, { label: "b" }];
  const own = { name: "now", values: [1, null], colour: 0 };
  const other = { name: "then", values: [7, 8], colour: 0, isCompared: true };
  expect(plotValues({ ...common, kind: "line", buckets, series: [own, other] })).toEqual([1]);
  expect(plotValues({ ...common, kind: "heat", rows: ["r"], columns: ["x", "y"], values: [[2, null]] })).toEqual([2]);
});
