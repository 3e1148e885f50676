import { expect, test } from "vitest";

import { makeKpi } from "./fixtures";
import { LEFT, listFields, readCells } from "./leaves";

test("a number is one cell", () => {
  expect(readCells("N", "value", 412.5)).toEqual([{ item: null, column: null, value: 412.5 }]);
  expect(readCells("N", "value", null)).toEqual([]);
});

test("a distribution has a cell for each band, and the unit of its mean is that of its bands", () => {
  const leaf = {
    unit: "s",
    bins: [
      { from: 0, to: 300, value: 120, share: 0.24 },
      { from: 300, to: null, value: 380, share: 0.76 },
    ],
    mean: 812.4,
    median: null,
    total: 500,
  };
  expect(readCells("DIST", "share", leaf)).toEqual([
    { item: "0..300", column: null, value: 0.24 },
    { item: "300..", column: null, value: 0.76 },
  ]);
  expect(readCells("DIST", "median", leaf)).toEqual([{ item: null, column: null, value: null }]);
  const fields = listFields(makeKpi({ leaf: "DIST" }), leaf);
  expect(fields.find(({ id }) => id === "mean")?.unit).toBe("s");
});

test.each([
  ["VVP", "captureRate", { visitor: 1, pedestrian: 3, captureRate: 0.25 }, [null, 0.25]],
  ["VAC", "count", { visits: 4, conversions: 1, rate: 0.25 }, ["visits", 4]],
  ["ATT", "value", { linear: 12.4, shapley: 13.1, fc: 9, lc: 15, participation: 21 }, ["linear", 12.4]],
  ["TCH2", "visits", { print: { contacts: 9, visits: 3, share: 0.6 } }, ["print", 3]],
  ["CMP", "lowest", { lift: 0.3, ci95: [-0.1, 0.9] }, [null, -0.1]],
  ["CMP", "rate", { exposed: { rate: 0.05 }, control: null }, ["exposed", 0.05]],
  ["LEV", "cost", { cost: 1200.5 }, [null, 1200.5]],
  ["PER", "value", { items: [{ campaign: "id", key: "spring", value: 42.5 }] }, ["spring", 42.5]],
  ["AFF", "index", { items: [{ poi: "id", key: "mall", index: 150 }], visitors: 400 }, ["mall", 150]],
])("a value of the kind %s has the field %s", (kind, field, leaf, [item, value]) => {
  expect(readCells(kind, field, leaf)[0]).toMatchObject({ item, value });
});

test("a change without a field has no cell of it", () => {
  expect(readCells("CMP", "lowest", { lift: 0.3 })).toEqual([]);
});

test("pairs of areas are rows and columns, the row of one area is items", () => {
  const matrix = { areas: ["a", "b"], users: [[3, 1], [1, 2]] }; // prettier-ignore
  expect(readCells("MTX", "users", matrix)[1]).toEqual({ item: "a", column: "b", value: 1 });
  expect(readCells("MTX", "users", { areas: ["a", "b"], users: [[3, 1]] })).toEqual([
    { item: "a", column: null, value: 3 },
    { item: "b", column: null, value: 1 },
  ]);
});

test("steps that leave the site have a column of their own", () => {
  const leaf = { transitions: [{ from: "door", to: null, value: 5 }], meanRank: { door: 1.5 } };
  expect(readCells("ORD", "transitions", leaf)).toEqual([{ item: "door", column: LEFT, value: 5 }]);
  expect(readCells("ORD", "meanRank", leaf)).toEqual([{ item: "door", column: null, value: 1.5 }]);
});
