import { expect, test } from "vitest";

import type { Answer, Kpi } from "~/api/questions";
import type { SeriesPlot } from "~/plots/spec";

import { describeBuckets } from "./buckets";
import { makeCube } from "./cube";
import { BUCKET_CONTEXT, LABELS, makeAnswer, makeKpi, makeState, NAMES } from "./fixtures";
import { arrange, chooseKind, makePlot, shortenNames } from "./plotting";
import { makeTable } from "./table";

function renderPlot(query: string, answer: Answer, kpi: Kpi = makeKpi()) {
  const state = makeState(query, kpi);
  const cube = makeCube(answer, state, NAMES);
  const buckets = describeBuckets(cube.buckets, state.mode, state.grain, answer, BUCKET_CONTEXT);
  const arrangement = arrange(cube, state);
  const kind = chooseKind(arrangement, state.plot);
  const plotted = makePlot(cube, state, arrangement, kind, buckets, LABELS, "EUR");
  return { cube, arrangement, kind, ...plotted, table: makeTable(cube, state, arrangement, buckets) };
}

test("one figure over time is a line, with the other period behind it", () => {
  const { arrangement, spec, table } = renderPlot("", { ...makeAnswer(), results: makeAnswer().results.slice(0, 1) });
  expect(arrangement.kinds).toEqual(["line", "bar"]);
  const { series, buckets } = spec as SeriesPlot;
  expect(series.map(({ values }) => values)).toEqual([
    [10, 20, 30],
    [20, 20, 10],
  ]);
  expect(series[1]).toMatchObject({ isCompared: true, colour: series[0]?.colour });
  expect(series[1]?.labels?.[0]).toContain("2 Nov 2025");
  expect(buckets.map(({ isCut }) => isCut)).toEqual([false, false, true]); // today is not over
  expect(table.rows.map(({ values }) => values)).toEqual([
    [10, 20, -0.5],
    [20, 20, 0],
    [30, 10, 2],
  ]);
  expect(table.foot).toEqual([60, 50, 0.2]);
  expect(table.isSum).toBe(true);
});

test("groups keep the order of the question although their keys are numbers, the others last", () => {
  const { cube, arrangement, spec } = renderPlot("by=sites&top=2", makeAnswer());
  expect(cube.groups.map(({ label }) => label)).toEqual(["Shop Paris", "Shop Lyon", "Others"]);
  expect(cube.groupCount).toBe(5);
  expect(arrangement.kinds).toContain("stacked");
  expect((spec as SeriesPlot).series.filter(({ isCompared }) => !isCompared)).toHaveLength(3);
});

test("others that would flatten the plot are in the table only, but always in stacked bars", () => {
  const answer = makeAnswer();
  const groups = answer.results[1]?.data as Record<string, { all: number }>;
  (groups["others"] as { all: number }).all = 1000;
  const line = renderPlot("by=sites&top=2", answer);
  expect(line.isRestHidden).toBe(true);
  expect((line.spec as SeriesPlot).series.some(({ name }) => name === "Others")).toBe(false);
  expect(line.table.rows.at(-1)?.labels).toEqual(["Others"]);
  expect(renderPlot("by=sites&top=2&plot=stacked", answer).isRestHidden).toBe(false);
});

test("groups of the whole period are ranked, with shares, changes and a total", () => {
  const { kind, spec, table } = renderPlot("by=sites&top=2&mode=total", makeAnswer());
  expect(kind).toBe("ranked");
  expect(spec).toMatchObject({ kind: "bar", isHorizontal: true });
  expect((spec as SeriesPlot).series[1]?.values).toEqual([20, 10, 20]);
  expect(table.columns.map(({ content }) => content)).toEqual(["value", "share", "then", "change"]);
  expect(table.rows[0]).toMatchObject({ labels: ["Shop Paris"], values: [30, 0.5, 20, 0.5] });
  expect(table.foot).toEqual([60, 1, 50, 0.2]);
});

test("values that do not add up are neither stacked nor summed", () => {
  const kpi = makeKpi({ kind: "R", by: { sites: { sumsToWhole: false, others: true } } });
  const { arrangement, table } = renderPlot("by=sites&top=2", makeAnswer(), kpi);
  expect(arrangement.kinds).not.toContain("stacked");
  expect(table.isSum).toBe(false);
});

test("two groupings are rows and columns", () => {
  const answer = makeAnswer();
  const values = { north: { "1": { all: 4 }, "2": { all: 1 } }, south: { "2": { all: 9 } } };
  answer.results[1] = { ...answer.results[1], scope: "x,y", data: values } as (typeof answer.results)[number];
  delete answer.results[1].comparisons;
  const { kind, spec, table } = renderPlot("by=sites.tags&by2=channels&plot=heat&mode=total", answer);
  expect(kind).toBe("heat");
  expect(spec).toMatchObject({ rows: ["south", "north"], columns: ["2", "1"] }); // most first
  expect(spec).toMatchObject({ values: [[9, null], [1, 4]] }); // prettier-ignore
  expect(table.rows.map(({ labels }) => labels)).toEqual([
    ["south", "2"],
    ["north", "1"],
    ["north", "2"],
  ]);
});

test("hours of the week are weekdays by hours", () => {
  const answer = makeAnswer();
  const temporals = { "1-0": 1, "1-10": 2, "7-23": 3 };
  answer.results = [{ ...answer.results[0], data: { all: 6, temporals } } as (typeof answer.results)[number]];
  const { kind, spec } = renderPlot("mode=aggregation&grain=hourOfWeek", answer);
  expect(kind).toBe("heat");
  expect(spec).toMatchObject({ rows: expect.arrayContaining(["Monday", "Sunday"]) as string[] });
  const { values } = spec as { values: (number | null)[][] } & SeriesPlot;
  expect([values[0]?.[0], values[0]?.[10], values[6]?.[23], values[3]?.[3]]).toEqual([1, 2, 3, null]);
});

test("a distribution is bars over its bands, by groups shares side by side", () => {
  const leaf = (low: number, high: number) => ({
    unit: "s",
    bins: [
      { from: 0, to: 60, value: low, share: low / (low + high) },
      { from: 60, to: null, value: high, share: high / (low + high) },
    ],
    mean: 50,
    median: 40,
    total: low + high,
  });
  const kpi = makeKpi({ leaf: "DIST", kind: "D" });
  const answer = makeAnswer();
  answer.results = [{ ...answer.results[0], data: { all: leaf(3, 1) } } as (typeof answer.results)[number]];
  const alone = renderPlot("", answer, kpi);
  expect(alone.spec).toMatchObject({ kind: "bar", buckets: [{ label: "0..60" }, { label: "60.." }] });
  expect(alone.cube.read({}, "now", "mean")).toBe(50);

  const groups = { paris: { all: leaf(3, 1) }, lyon: { all: leaf(1, 1) } };
  answer.results.push({ ...answer.results[0], scope: "sites", data: groups } as (typeof answer.results)[number]);
  const grouped = renderPlot("by=sites", answer, kpi);
  expect(grouped.cube.field.id).toBe("share");
  expect(grouped.spec).toMatchObject({ kind: "stacked", isHorizontal: true });
  expect((grouped.spec as SeriesPlot).series[0]?.values).toEqual([0.75, 0.5]);
});

test("days to come have no values yet", () => {
  const answer = makeAnswer();
  answer.meta.buckets = { day: ["2026-11-02", "2026-11-03", "2026-11-04"] };
  answer.results.splice(1);
  const { spec, table } = renderPlot("", answer);
  expect((spec as SeriesPlot).series[0]?.values).toEqual([10, 20, null]);
  expect(table.rows).toHaveLength(2);
});

test.each([
  [
    ["Maison Lumen Paris", "Maison Lumen Lyon", "Maison Lumen Nice"],
    ["Paris", "Lyon", "Nice"],
  ],
  [
    ["Shop A", "Shop B"],
    ["Shop A", "Shop B"],
  ],
  [
    ["Shop", "Shop A", "Shop B"],
    ["Shop", "Shop A", "Shop B"],
  ],
  [[], []],
])("names %j are shortened to %j", (names, expected) => {
  expect(shortenNames(names)).toEqual(expected);
});
