import { expect, test } from "vitest";

import { refuseGrain, refuseGrouping } from "./catalogue";
import { CONTEXT, makeKpi, makeState } from "./fixtures";
import { buildParam, parseHours } from "./question";
import { parseState, writeOwnFilters } from "./state";

test("a question without parameters is the first figure by day", () => {
  expect(buildParam(makeState(""))).toEqual({ kpi: "visits", mode: "histogram", granularity: "day" });
});

test("the URL holds groupings, their order and number, and the question's own filters", () => {
  const state = makeState(
    "by=sites.postalCode:2&top=5&others=no&share=no&sort=change&mode=total&q.weekdays=6&q.weekdays=7&q.hours=9-11" +
      "&q.publicHolidays=no&x.sites.tags=outlet",
  );
  expect(buildParam(state)).toEqual({
    kpi: "visits",
    temporals: false,
    by: [{ of: "sites.postalCode", digits: 2, sort: "change", limit: 5 }],
    filters: {
      weekdays: [6, 7],
      hours: [9, 10, 11],
      days: { publicHolidays: false },
      "sites.tags": { not: ["outlet"] },
    },
  });
  const params = new URLSearchParams("kpi=visits&q.old=1");
  writeOwnFilters(params, state.own);
  expect(parseState(params, [makeKpi()], CONTEXT).own).toEqual(state.own);
});

test("groups have all buckets, others and shares unless they are turned off", () => {
  expect(buildParam(makeState("by=sites&top=all"))).toEqual({
    kpi: "visits",
    mode: "histogram",
    granularity: "day",
    fill: true,
    by: [{ of: "sites", properties: ["key", "name"], sort: "-all", share: true }],
  });
  expect(buildParam(makeState("by=sites.attributes.region")).by).toEqual([
    { of: "sites.attributes.region", sort: "-all", limit: 7, others: true, share: true },
  ]);
});

test.each([
  ["kpi=nothing&by=nothing&mode=x&grain=x&sort=x&top=0", [], "histogram", "day"],
  ["by=sites&by2=channels", ["sites"], "histogram", "day"], // an impossible pair
  ["by=sites.tags&by2=channels", ["sites.tags", "channels"], "total", "day"],
  ["grain=fiscalMonth", [], "histogram", "day"], // without a fiscal calendar
  ["grain=hourOfWeek", [], "histogram", "day"],
  ["mode=aggregation&grain=hourOfWeek", [], "aggregation", "hourOfWeek"],
])("of %s only what the catalogue allows is asked", (query, by, mode, grain) => {
  expect(makeState(query)).toMatchObject({ by, mode, grain });
});

test("what cannot be chosen has a reason", () => {
  const kpi = makeKpi();
  expect(refuseGrouping(kpi, "campaigns")).toBe("kpi");
  expect(refuseGrouping(kpi, "sites", "sites")).toBe("same");
  expect(refuseGrouping(kpi, "channels", "sites")).toBe("pair");
  expect(refuseGrouping(kpi, "sites.attributes.a", "sites.attributes.b")).toBeNull();
  const year = { days: { from: "2026-01-01", to: "2026-12-31" }, hasFiscalCalendar: false };
  expect(refuseGrain(kpi, "histogram", "hour", year)).toBe("hours");
  expect(refuseGrain(kpi, "aggregation", "hour", year)).toBeNull();
  expect(refuseGrain(kpi, "histogram", "fiscalMonth", year)).toBe("calendar");
  expect(refuseGrain(kpi, "histogram", "hourOfWeek", year)).toBe("kpi");
});

test.each([
  ["9-11", [9, 10, 11]],
  ["0-0", [0]],
  ["x", []],
  [undefined, []],
])("hours %s", (text, expected) => {
  expect(parseHours(text)).toEqual(expected);
});
