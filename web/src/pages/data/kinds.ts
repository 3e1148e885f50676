/** Kinds of files: what they need first, and what shows what came in. */
import { countDays } from "~/state/days";
import { formatDays } from "~/state/period";

/** Kinds in the order in which they are sent: what others name comes first. */
export const KINDS = [
  "sites",
  "pois",
  "campaigns",
  "studies",
  "areas",
  "panelists",
  "visits",
  "purchases",
  "stays",
  "pings",
  "detections",
  "deliveries",
  "touches",
] as const;
export type FileKind = (typeof KINDS)[number];

/** Kinds as people look for them. */
export const KIND_GROUPS = {
  resources: ["sites", "campaigns", "pois", "studies"],
  happened: ["visits", "purchases", "deliveries", "touches", "detections"],
  panel: ["stays", "pings", "panelists", "areas"],
} as const satisfies Record<string, readonly FileKind[]>;

const TABLES: readonly string[] = ["sites", "pois", "campaigns", "studies"];

/** Return whether files of a kind are tables of resources, which are imported, and not events. */
export function isTable(kind: string): boolean {
  return TABLES.includes(kind);
}

/** Resources that events name, so that they must be there before. */
export type NeededResource = "sites" | "campaigns";
const NEEDS: Partial<Record<string, NeededResource>> = {
  visits: "sites",
  purchases: "sites",
  stays: "sites",
  pings: "sites",
  detections: "sites", // its equipment is at one
  deliveries: "campaigns",
  touches: "campaigns",
};

/** Return what events of a kind name. */
export function neededResource(kind: string): NeededResource | undefined {
  return NEEDS[kind];
}

/** Fields whose values are ids, keys or names of resources. */
export const REFERENCES: Record<string, string> = {
  site: "sites",
  poi: "pois",
  campaign: "campaigns",
  equipment: "equipments",
};

/** Compare kinds by the order in which they are sent; unknown ones are the last. */
export function compareKinds(left: string, right: string): number {
  return position(left) - position(right);
}

function position(kind: string): number {
  const index = KINDS.indexOf(kind as FileKind);
  return index < 0 ? KINDS.length : index;
}

const EXPLORED: Record<string, Record<string, string>> = {
  visits: { module: "performance", kpi: "visits" },
  purchases: { module: "performance", kpi: "sales" },
  stays: { module: "geo-marketing", kpi: "posSessions" },
  pings: { module: "geo-marketing", kpi: "posSessions" },
  detections: { module: "presence", kpi: "sessions" },
  deliveries: { module: "conversion", kpi: "prints" },
  touches: { module: "conversion", kpi: "offlineVisits" },
};
const SHOWN_ON: Record<string, string> = {
  sites: "map",
  pois: "map",
  campaigns: "campaigns",
  studies: "manage/studies",
  areas: "map",
  panelists: "map",
};

/** Return the page and query string that show what a file of a kind has brought, over its days if they are known. */
export function plotLocation(kind: string, from?: string | null, to?: string | null): string {
  const params = new URLSearchParams(EXPLORED[kind] ?? {});
  if (from && to) {
    params.set("period", formatDays({ from, to }));
    params.set("compare", "none");
    if (EXPLORED[kind]) {
      params.set("mode", "histogram");
      params.set("grain", countDays({ from, to }) > 21 ? "week" : "day");
    }
  }
  const text = params.toString();
  return (EXPLORED[kind] ? "explore" : (SHOWN_ON[kind] ?? "overview")) + (text ? `?${text}` : "");
}
