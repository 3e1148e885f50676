/** The question in the URL: module, KPI, groupings, granularity, plot, and what else is chosen. */
import type { Days, Granularity, Kpi, Module } from "~/api/questions";
import { MODULES } from "~/api/questions";
import { countDays } from "~/state/days";

import { canGroup, isGrainOffered } from "./catalogue";

/** Over the whole period, bucket by bucket, or by time of day, weekday or season. */
export type Mode = "total" | "histogram" | "aggregation";
const MODES: readonly Mode[] = ["total", "histogram", "aggregation"];
export const SORTS = ["-all", "all", "-change", "change"] as const;
export type Sort = (typeof SORTS)[number];
/** How many groups: these, or all. */
export const TOPS = [5, 7, 10, 20, 50] as const;
const MOST_LINES = 7; // with the others as the eighth
const MOST_BARS = 20;

/** Filters of the question alone: values by filter, included or excluded. */
export interface OwnFilters {
  included: Record<string, string[]>;
  excluded: Record<string, string[]>;
}

export interface ExploreState {
  module: Module;
  kpi: Kpi;
  /** Groupings, at most two, such as `sites` or `sites.postalCode:2`. */
  by: string[];
  mode: Mode;
  grain: Granularity;
  /** Field of the KPI's values; "" for the first. */
  field: string;
  /** Kind of plot; "" for the one that suits. */
  plot: string;
  /** How many groups of each grouping; `null` is all. */
  tops: (number | null)[];
  hasOthers: boolean;
  hasShare: boolean;
  sort: Sort;
  study: string;
  isLikeForLike: boolean;
  own: OwnFilters;
  /** Group whose values are shown alone, where there is too much for one plot. */
  group: string;
  /** Bucket whose values are shown alone. */
  bucket: string;
}

const DEFAULT_KPIS: Record<Module, string> = {
  performance: "visits",
  presence: "sessions",
  conversion: "offlineVisits",
  "geo-marketing": "uniqUsers",
};

/** Return the parts of a grouping: its name, and how many characters of postal codes count. */
export function parseGrouping(text: string): { of: string; digits?: number } {
  const [, of, digits] = /^(sites\.postalCode):(\d{1,2})$/.exec(text) ?? [];
  return of ? { of, digits: Number(digits) } : { of: text };
}

/** Leaves with an axis of their own: bands, models, areas. */
const WIDE_LEAVES = new Set(["DIST", "BRK", "AFF", "PER", "ATT", "TCH2", "TCH3", "CMP", "MTX", "ORD"]);

/** Return the mode that suits: time is an axis where there are not two already. */
function defaultMode(kpi: Kpi, groupings: number): Mode {
  return groupings === 2 || WIDE_LEAVES.has(kpi.leaf) ? "total" : "histogram";
}

/** Return the granularity that suits a period. */
function defaultGrain(kpi: Kpi, mode: Mode, days: Days): Granularity {
  const offered = kpi.granularities[mode] ?? [];
  const count = countDays(days);
  const suitable: Granularity =
    mode !== "histogram" || (count > 2 && count <= 62) ? "day" : count <= 2 ? "hour" : "week";
  return offered.includes(suitable) ? suitable : (offered[0] ?? "day");
}

/** Return how many groups a grouping shows when the URL does not say. */
function defaultTop(mode: Mode, position: number, count: number): number {
  if (mode === "total" && count === 1) return MOST_BARS;
  return position === 0 && count === 2 ? 10 : MOST_LINES;
}

function parseTop(text: string | null, fallback: number): number | null {
  if (text === "all") return null;
  const count = Number(text);
  return Number.isInteger(count) && count >= 1 && count <= 1000 ? count : fallback;
}

/** Return the question that a query string describes; what the catalogue does not allow is left out. */
export function parseState(
  params: URLSearchParams,
  kpis: readonly Kpi[],
  context: { days: Days; hasComparison: boolean; hasFiscalCalendar: boolean },
): ExploreState {
  const wantedModule = MODULES.find((name) => name === params.get("module")) ?? "performance";
  const find = (name: string | null) => kpis.find((one) => one.module === wantedModule && one.kpi === name);
  const kpi = find(params.get("kpi")) ?? find(DEFAULT_KPIS[wantedModule]) ?? (kpis[0] as Kpi);
  const by: string[] = [];
  for (const name of ["by", "by2"]) {
    const grouping = params.get(name);
    if (grouping && canGroup(kpi, parseGrouping(grouping).of, by[0] && parseGrouping(by[0]).of)) by.push(grouping);
  }
  const mode = MODES.find((name) => name === params.get("mode")) ?? defaultMode(kpi, by.length);
  const grain = params.get("grain") as Granularity | null;
  const isOffered = grain && mode !== "total" && isGrainOffered(kpi, mode, grain, context);
  const sort = SORTS.find((name) => name === params.get("sort")) ?? "-all";
  return {
    module: wantedModule,
    kpi,
    by,
    mode,
    grain: isOffered ? grain : defaultGrain(kpi, mode, context.days),
    field: params.get("show") ?? "",
    plot: params.get("plot") ?? "",
    tops: by.map((_, index) => parseTop(params.get(index ? "top2" : "top"), defaultTop(mode, index, by.length))),
    hasOthers: params.get("others") !== "no",
    hasShare: params.get("share") !== "no",
    sort: sort.endsWith("change") && !context.hasComparison ? "-all" : sort,
    study: params.get("study") ?? "all",
    isLikeForLike: params.get("like") === "yes",
    own: parseOwnFilters(params),
    group: params.get("group") ?? "",
    bucket: params.get("bucket") ?? "",
  };
}

const INCLUDED = "q.";
const EXCLUDED = "x.";

function parseOwnFilters(params: URLSearchParams): OwnFilters {
  const own: OwnFilters = { included: {}, excluded: {} };
  for (const [name, value] of params) {
    const target = name.startsWith(INCLUDED) ? own.included : name.startsWith(EXCLUDED) ? own.excluded : null;
    if (!target || !value) continue;
    const values = (target[name.slice(2)] ??= []);
    if (!values.includes(value)) values.push(value);
  }
  return own;
}

/** Replace the question's own filters in a query string. */
export function writeOwnFilters(params: URLSearchParams, own: OwnFilters): void {
  for (const name of [...params.keys()])
    if (name.startsWith(INCLUDED) || name.startsWith(EXCLUDED)) params.delete(name);
  for (const [prefix, filters] of [
    [INCLUDED, own.included],
    [EXCLUDED, own.excluded],
  ] as const)
    for (const [name, values] of Object.entries(filters))
      for (const value of values) params.append(prefix + name, value);
}
