/** A catalogue entry, a state and an answer for tests of the page. */
import type { Answer, Kpi } from "~/api/questions";
import { makeFormats } from "~/format/formats";
import { en } from "~/i18n/en";

import type { Names } from "./cube";
import type { Labels } from "./plotting";
import { type ExploreState, parseState } from "./state";

const GRAINS = ["hour", "day", "week", "month", "quarter", "year", "fiscalMonth"] as const;
const ADDITIVE = { sumsToWhole: true, others: true };

/** Return a KPI of the catalogue, additive over sites. */
export function makeKpi(changes: Partial<Kpi> = {}): Kpi {
  return {
    module: "performance",
    kpi: "visits",
    unit: "n",
    kind: "A",
    leaf: "N",
    scopes: ["globals", "sites", "channels"],
    example: 1,
    description: "All visits.",
    meaning: "How often people came.",
    formula: ["sum of visits"],
    events: ["visits"],
    granularities: { histogram: [...GRAINS], aggregation: [...GRAINS, "hourOfWeek"] },
    by: {
      sites: ADDITIVE,
      channels: ADDITIVE,
      "sites.tags": { sumsToWhole: false, others: true },
      "sites.postalCode": ADDITIVE,
      "sites.attributes.<name>": ADDITIVE,
    },
    impossiblePairs: [{ by: ["sites", "channels"], reason: "Ask for each by itself." }],
    options: ["fill", "sort", "limit", "having", "others", "share"],
    change: "relative",
    ...changes,
  };
}

export const CONTEXT = {
  days: { from: "2026-11-01", to: "2026-11-03" },
  hasComparison: true,
  hasFiscalCalendar: false,
};

/** Return the state that a query string has with one KPI in the catalogue. */
export function makeState(query: string, kpi = makeKpi()): ExploreState {
  return parseState(new URLSearchParams(`module=${kpi.module}&kpi=${kpi.kpi}&${query}`), [kpi], CONTEXT);
}

export const FORMATS = makeFormats("en-GB");
export const NAMES: Names = {
  others: "Others",
  unknown: "Unknown",
  group: () => undefined,
  item: () => undefined,
};
export const LABELS: Labels = {
  title: "Visits",
  value: "Visits",
  now: "this period",
  then: "last year",
  time: "Period",
  groups: ["Site"],
  items: "Category",
  leftSite: "(left)",
  weekday: (weekday) => FORMATS.weekday(weekday),
  hour: (hour) => FORMATS.hour(hour),
};
export const BUCKET_CONTEXT = {
  formats: FORMATS,
  texts: en.explore,
  today: "2026-11-03",
  timezone: "Europe/Paris",
  weekStart: "monday",
};

/** Return an answer about three days with two sites and the others, compared with three other days. */
export function makeAnswer(): Answer {
  const head = { kpi: "visits", mode: "histogram" as const, granularity: "day" as const };
  const other = { to: "previousYearSameWeekday", from: "2025-11-02", until: "2025-11-04" };
  return {
    meta: { buckets: { day: ["2026-11-01", "2026-11-02", "2026-11-03"] }, cut: { day: [] }, notes: [] },
    results: [
      {
        ...head,
        scope: "globals",
        data: { all: 60, temporals: { "0": 10, "1": 20, "2": 30 } },
        comparisons: [
          {
            ...other,
            data: { all: 50, temporals: { "0": 20, "1": 20, "2": 10 } },
            change: { all: 0.2, temporals: { "0": -0.5, "1": 0, "2": 2 } },
          },
        ],
      },
      {
        ...head,
        scope: "sites",
        total: 5,
        data: {
          // keys that are numbers come first in objects, whatever the order of the answer
          "69": { name: "Shop Lyon", all: 5, share: 0.0833, temporals: { "0": 1, "1": 2, "2": 2 } },
          paris: { name: "Shop Paris", all: 30, share: 0.5, temporals: { "0": 5, "1": 10, "2": 15 } },
          others: { all: 25, share: 0.4167, temporals: { "0": 4, "1": 8, "2": 13 } },
        },
        comparisons: [
          {
            ...other,
            data: { "69": { all: 10 }, paris: { all: 20 }, others: { all: 20 } },
            change: { "69": { all: -0.5 }, paris: { all: 0.5 }, others: { all: 0.25 } },
          },
        ],
      },
    ],
  };
}
