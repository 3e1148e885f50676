/** Sites and points of interest with their figure. */
import type { Answer, Groups, Module, Param } from "~/api/questions";
import type { Resource } from "~/api/resources";
import type { Unit } from "~/format/formats";
import { type Position, readPosition } from "~/plots/geodesy";

export const FIGURES = ["visits", "stays", "sales", "panelStays", "panelVisitors"] as const;
export type FigureId = (typeof FIGURES)[number];

export interface Definition {
  module: Module;
  kpi: string;
  unit: Unit;
}

/** Figures of sites, those that are measured before those that are estimated. */
export const DEFINITIONS: Record<FigureId, Definition> = {
  visits: { module: "performance", kpi: "visits", unit: "n" },
  stays: { module: "presence", kpi: "sessions", unit: "n" },
  sales: { module: "performance", kpi: "sales", unit: "EUR" },
  panelStays: { module: "geo-marketing", kpi: "posSessions", unit: "n" },
  panelVisitors: { module: "geo-marketing", kpi: "uniqUsers", unit: "n" },
};

/** Return the question about the figures of a module by site. */
export function siteParams(module: Module): Param[] {
  return FIGURES.map((id) => DEFINITIONS[id])
    .filter((definition) => definition.module === module)
    .map(({ kpi }) => ({ kpi, temporals: false, globals: false, by: ["sites"] }));
}

export interface SiteRow {
  id: string;
  /** What the URL and filters name it by. */
  key: string;
  name: string;
  city: string;
  position: Position | undefined;
  value: number | null;
  /** Relative change since the other period. */
  change: number | null;
}

export interface PoiRow {
  id: string;
  name: string;
  type: string;
  position: Position | undefined;
  value: number | null;
  distanceM: number | undefined;
}

function asNumber(leaf: unknown): number | null {
  return typeof leaf === "number" ? leaf : null;
}

/** Return the groups of a KPI by a scope, and their changes since the other period. */
export function readGroups(
  answer: Answer | undefined,
  kpi: string,
  scope: string,
): { groups: Groups; changes: Groups } {
  const element = answer?.results.find((one) => one.kpi === kpi && one.scope === scope);
  return {
    groups: (element?.data ?? {}) as Groups,
    changes: (element?.comparisons?.[0]?.change ?? {}) as Groups,
  };
}

/** Tell whether an answer has a value other than 0 for a figure. */
export function hasFigure(answer: Answer | undefined, { kpi }: Definition): boolean {
  return Object.values(readGroups(answer, kpi, "sites").groups).some(({ all }) => Boolean(asNumber(all)));
}

/** Return the sites with a figure of an answer; active ones, and those that have a value. */
export function readSiteRows(
  sites: readonly Resource<"sites">[],
  answer: Answer | undefined,
  { kpi }: Definition,
): SiteRow[] {
  const { groups, changes } = readGroups(answer, kpi, "sites");
  return sites
    .filter((site) => site.active || groups[site._id])
    .map((site) => ({
      id: site._id,
      key: site.key ?? site._id,
      name: site.name,
      city: (site.address as { city?: string | null } | undefined)?.city ?? "",
      position: readPosition(site.coordinates),
      value: asNumber(groups[site._id]?.all),
      change: asNumber(changes[site._id]?.all),
    }));
}

/** Return the active points of interest with their stays; distances are from the site that is selected. */
export function readPoiRows(
  pois: readonly Resource<"pois">[],
  answer: Answer | undefined,
  kpi: string,
  measure: ((position: Position) => number) | undefined,
): PoiRow[] {
  const { groups } = readGroups(answer, kpi, "pois");
  return pois
    .filter((poi) => poi.active || groups[poi._id])
    .map((poi) => {
      const position = readPosition(poi.coordinates);
      return {
        id: poi._id,
        name: poi.name ?? poi.key ?? poi._id,
        type: poi.type ?? "",
        position,
        value: asNumber(groups[poi._id]?.all),
        distanceM: position && measure?.(position),
      };
    });
}

/** Tell whether a text occurs in one of several, whatever the case and accents. */
export function matchesText(search: string, ...texts: string[]): boolean {
  const wanted = simplify(search.trim());
  return texts.some((text) => simplify(text).includes(wanted));
}

function simplify(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}
