/** Questions of the analytics language, and their answers. */
import { api, type Schemas } from "./client";

export type Module = "geo-marketing" | "conversion" | "presence" | "performance";
export const MODULES: readonly Module[] = ["performance", "presence", "conversion", "geo-marketing"];

export type Kpi = Schemas["KpiShown"] & { module: Module };
export type Granularity = Kpi["granularities"][string][number];
/** One grouping of `by`, with its options. */
export interface Grouping {
  of: string;
  properties?: string[];
  sort?: "all" | "-all" | "change" | "-change";
  limit?: number;
  others?: boolean;
  share?: boolean;
  digits?: number;
  having?: { all: { gt?: number; gte?: number; lt?: number; lte?: number } };
}

export interface Param {
  kpi: string;
  mode?: "histogram" | "aggregation";
  granularity?: Granularity;
  all?: boolean;
  temporals?: boolean;
  globals?: boolean;
  by?: (string | Grouping)[];
  fill?: boolean;
  filters?: Record<string, unknown>;
}

export interface Question {
  params: Param[];
  filters?: Record<string, unknown>;
  compare?: { to: (string | { from: string; to: string })[]; likeForLike?: boolean };
}

/** Days of a question, both included (`YYYY-MM-DD`). */
export interface Days {
  from: string;
  to: string;
}

/** A value of an answer: a number, an object such as a distribution, or nothing. */
export type Leaf = number | Record<string, unknown> | null;

export interface Values {
  all?: Leaf;
  temporals?: Record<string, Leaf>;
  share?: number;
}

/** Values of one group: of a site, a campaign, a region ... */
export interface GroupValues extends Values {
  _id?: string;
  key?: string;
  name?: string;
  code?: string;
  total?: number;
}

export type Groups = Record<string, GroupValues>;
/** By two groupings: groups by the outer value. */
export type NestedGroups = Record<string, Groups>;

export interface Comparison {
  to: string;
  /** First and last day of the other period that count; null when no day is over. */
  from: string | null;
  until: string | null;
  complete?: boolean;
  lastDays?: { now: string | null; then: string | null };
  data: Values | Groups | NestedGroups;
  change: Values | Groups | NestedGroups;
}

export interface Element {
  kpi: string;
  mode: "histogram" | "aggregation";
  scope: string;
  granularity: Granularity;
  /** How many values the scope has before the limit; of two groupings, the outer one. */
  total?: number;
  data: Values | Groups | NestedGroups;
  outer?: Record<string, GroupValues>;
  comparisons?: Comparison[];
}

export interface Note {
  code: string;
  message: string;
}

export interface Answer {
  results: Element[];
  meta: {
    notes?: Note[];
    buckets?: Record<string, string[]>;
    cut?: Record<string, string[]>;
    [name: string]: unknown;
  };
}

/** Path of the module's questions below an application; geo-marketing asks about a study. */
export function questionPath(application: string, module: Module, study = "all"): string {
  const app = `applications/${encodeURIComponent(application)}`;
  switch (module) {
    case "geo-marketing":
      return `${app}/studies/${encodeURIComponent(study)}/geo-marketing/analytics`;
    case "conversion":
      return `${app}/conversions/levers/analytics`;
    default:
      return `${app}/${module}/analytics`;
  }
}

/**
 * Ask a question about an application; `meta` is always requested. Throw ApiError.
 *
 * `uplift`: whether the panel is extrapolated to the population; the default is the module's.
 */
export async function ask(
  application: string,
  module: Module,
  question: Question,
  days: Days,
  { study = "all", uplift, signal }: { study?: string; uplift?: boolean | undefined; signal?: AbortSignal } = {},
): Promise<Answer> {
  const options = {
    params: {
      path: { application, study },
      query: { ...days, meta: true, ...(uplift === undefined ? {} : { uplift }) },
    },
    // the language is the same in all modules; the server checks which KPIs and groupings each has
    body: question as never,
    ...(signal ? { signal } : {}),
  };
  const { data } = await (() => {
    switch (module) {
      case "geo-marketing":
        return api.POST("/applications/{application}/studies/{study}/geo-marketing/analytics", options);
      case "conversion":
        return api.POST("/applications/{application}/conversions/levers/analytics", options);
      case "presence":
        return api.POST("/applications/{application}/presence/analytics", options);
      case "performance":
        return api.POST("/applications/{application}/performance/analytics", options);
    }
  })();
  return data as unknown as Answer;
}

/** Return the number that stands for a leaf: its own, or an object's `total`, else its first number. */
export function numberOf(leaf: Leaf | undefined): number | null {
  if (typeof leaf === "number") return leaf;
  if (leaf === null || leaf === undefined) return null;
  if (typeof leaf["total"] === "number") return leaf["total"];
  const first = Object.values(leaf).find((value) => typeof value === "number");
  return typeof first === "number" ? first : null;
}
