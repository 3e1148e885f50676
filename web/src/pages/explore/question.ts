/** From the state of the page to a question of the API. */
import type { Grouping, Param } from "~/api/questions";

import { hasOthersEntry } from "./catalogue";
import { type ExploreState, type OwnFilters, parseGrouping } from "./state";

const PROPERTIES: Record<string, string[]> = {
  sites: ["key", "name"],
  campaigns: ["key", "name"],
  levers: ["key", "name"],
  pois: ["key", "name"],
  equipments: ["key", "name"],
  homes: ["code", "name"],
  works: ["code", "name"],
  zones: ["code", "name"],
  extras: ["name"],
  channels: ["name"],
};
/** Filters on days. */
export const DAY_FILTERS: readonly string[] = ["weekdays", "publicHolidays", "schoolHolidays"];
/** Filters on the time of day. */
export const TIME_FILTERS: readonly string[] = ["hours", "opening"];

/** Return the param that a question has in the API. */
export function buildParam(state: ExploreState): Param {
  const { kpi, mode } = state;
  const filters = buildFilters(state.own);
  return {
    kpi: kpi.kpi,
    ...(mode === "total" ? { temporals: false } : { mode, granularity: state.grain }),
    ...(state.by.length
      ? {
          by: state.by.map((name, index) => buildGrouping(state, name, index)),
          ...(mode === "total" ? {} : { fill: true }),
        }
      : {}),
    ...(Object.keys(filters).length ? { filters } : {}),
  };
}

function buildGrouping(state: ExploreState, text: string, index: number): Grouping {
  const { of, digits } = parseGrouping(text);
  const limit = state.tops[index] ?? null;
  const properties = PROPERTIES[of];
  return {
    of,
    ...(digits === undefined ? {} : { digits }),
    ...(properties ? { properties } : {}),
    sort: state.sort,
    ...(limit === null ? {} : { limit }),
    ...(limit !== null && state.hasOthers && hasOthersEntry(state.kpi, of) ? { others: true } : {}),
    ...(state.hasShare && state.kpi.options.includes("share") ? { share: true } : {}),
  };
}

/** Return filters of the question alone as the API has them. */
function buildFilters(own: OwnFilters): Record<string, unknown> {
  const filters: Record<string, unknown> = {};
  const days: Record<string, unknown> = {};
  for (const [name, values] of Object.entries(own.included)) {
    if (!values.length) continue;
    if (name === "publicHolidays") days[name] = values[0] === "yes";
    else if (name === "schoolHolidays") days[name] = values.includes("no") ? false : values;
    else if (name === "opening") filters[name] = true;
    else if (name === "weekdays") filters[name] = values.map(Number);
    else if (name === "hours") filters[name] = parseHours(values[0]);
    else filters[name] = values;
  }
  for (const [name, values] of Object.entries(own.excluded)) if (values.length) filters[name] = { not: values };
  if (Object.keys(days).length) filters["days"] = days;
  return filters;
}

/** Return the hours of a text such as `9-17`, both ends included. */
export function parseHours(text: string | undefined): number[] {
  const [, first, last] = /^(\d{1,2})-(\d{1,2})$/.exec(text ?? "") ?? [];
  if (first === undefined || last === undefined) return [];
  return Array.from({ length: 24 }, (_, hour) => hour).filter((hour) => hour >= Number(first) && hour <= Number(last));
}
