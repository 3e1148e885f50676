/** The shapes of values (`leaf` of the catalogue) as numbers with names: fields, items and matrices. */
import type { Kpi, Leaf } from "~/api/questions";
import type { Unit } from "~/format/formats";

/** What a field of a value is broken down by: nothing, items (bands, models, campaigns), or rows and columns. */
export type FieldShape = "number" | "items" | "matrix";

/** One figure of a KPI's values: the value itself, or a field of its objects. */
export interface LeafField {
  /** Name in the URL and of its text; `value` for KPIs that are numbers. */
  id: string;
  shape: FieldShape;
  unit: Unit;
  change: "relative" | "difference";
  /** Whether the items add up to a whole, so that they can be stacked. */
  isPart?: boolean;
  /** The two axes of a matrix, as names of texts. */
  axes?: [string, string];
}

/** A cell of a value: the key of its item and of its column (`null` where there is none), and its number. */
export interface Cell {
  item: string | null;
  column: string | null;
  value: number | null;
  /** Name of the item, if it is not the key. */
  label?: string;
}

type Fields = Record<string, unknown>;

const RATES = new Set(["rate", "share", "captureRate", "ctr", "venueRate", "roi", "referenceShare", "lift"]);
const MONEY = new Set(["cost", "revenues", "costByVisit"]);
/** Item of a transition that leaves the site. */
export const LEFT = "";

const field = (id: string, shape: FieldShape, unit: Unit, rest: Partial<LeafField> = {}): LeafField => ({
  id,
  shape,
  unit,
  change: RATES.has(id) || unit === "1" ? "difference" : "relative",
  ...rest,
});

/**
 * Return the fields of a KPI's values; the first is the one that is shown first.
 *
 * `sample` is a value of the answer: the bands of distributions have their unit in it.
 */
export function listFields(kpi: Kpi, sample?: Leaf): LeafField[] {
  const counts: Unit = "n";
  switch (kpi.leaf) {
    case "DIST": {
      const unit = typeof sample === "object" && sample ? ((sample["unit"] as string | undefined) ?? counts) : counts;
      return [
        field("value", "items", counts, { isPart: true }),
        field("share", "items", "1", { isPart: true }),
        field("mean", "number", unit),
        field("median", "number", unit),
        field("total", "number", counts),
      ];
    }
    case "BRK":
    case "PER":
      return [
        field("value", "items", counts, { isPart: true }),
        field("share", "items", "1", { isPart: true }),
        field("total", "number", counts),
      ];
    case "AFF":
      return [
        field("index", "items", "index"),
        field("visitors", "items", counts),
        field("share", "items", "1"),
        field("referenceShare", "items", "1"),
        field("allVisitors", "number", counts),
      ];
    case "VVP":
      return [field("users", "items", counts, { isPart: true }), field("captureRate", "number", "1")];
    case "VAC":
      return [field("count", "items", counts), field("rate", "number", "1")];
    case "ATT":
      return [field("value", "items", counts)];
    case "TCH2":
    case "TCH3":
      return [
        field("visits", "items", counts, { isPart: true }),
        field("share", "items", "1", { isPart: true }),
        field("contacts", "items", counts),
      ];
    case "CMP":
      return [
        field("rate", "items", "1"),
        field("users", "items", counts),
        field("visitors", "items", counts),
        field("lift", "number", "1"),
        field("lowest", "number", "1"),
        field("highest", "number", "1"),
        field("incrementalVisitors", "number", counts),
      ];
    case "LEV":
      return [
        "offlineVisits",
        "onlineVisits",
        "offlineConversions",
        "onlineConversions",
        "revenues",
        "cost",
        "costByVisit",
        "roi",
        "venueRate",
        "prints",
        "clicks",
        "ctr",
        "openings",
      ].map((id) => field(id, "number", RATES.has(id) ? "1" : MONEY.has(id) ? "EUR" : counts));
    case "MTX":
      return [
        field("rate", "matrix", "1", { axes: ["row", "alsoSeen"] }),
        field("users", "matrix", counts, { axes: ["row", "alsoSeen"] }),
      ];
    case "ORD":
      return [
        field("rankShare", "matrix", "1", { change: "difference", axes: ["area", "rank"] }),
        field("rankCount", "matrix", counts, { axes: ["area", "rank"] }),
        field("transitions", "matrix", counts, { axes: ["from", "to"] }),
        field("meanRank", "items", "n"),
      ];
    default:
      return [field("value", "number", kpi.unit, { change: kpi.change === "difference" ? "difference" : "relative" })];
  }
}

const number = (value: unknown): number | null => (typeof value === "number" ? value : null);
const single = (value: unknown): Cell[] =>
  value === undefined ? [] : [{ item: null, column: null, value: number(value) }];
const MODELS = ["linear", "shapley", "fc", "lc", "participation"];

/** Return the key of a band of a distribution; the last one has no end. */
function bandKey(from: number, to: number | null): string {
  return `${from}..${to ?? ""}`;
}

/** Return the cells of a field of a value, or of its change: it has the same shape. */
export function readCells(kind: string, id: string, leaf: Leaf | undefined): Cell[] {
  if (leaf === undefined || leaf === null) return [];
  if (typeof leaf === "number") return single(leaf);
  const items = (leaf["items"] as Fields[] | undefined) ?? [];
  const byName = (names: readonly string[], pick: (name: string) => unknown): Cell[] =>
    names.filter((name) => name in leaf).map((name) => ({ item: name, column: null, value: number(pick(name)) }));
  const inner = (name: string) => (leaf[name] as Fields | null | undefined)?.[id];
  switch (kind) {
    case "DIST":
      if (id !== "value" && id !== "share") return single(leaf[id]);
      return ((leaf["bins"] as Fields[] | undefined) ?? []).map((bin) => ({
        item: bandKey(bin["from"] as number, bin["to"] as number | null),
        column: null,
        value: number(bin[id]),
      }));
    case "BRK":
    case "PER":
    case "AFF":
      if (id === "total") return single(leaf["total"]);
      if (id === "allVisitors") return single(leaf["visitors"]);
      return items.map((item) => ({
        item: String(item["key"] ?? item["campaign"] ?? item["poi"]),
        column: null,
        value: number(item[id]),
        ...(typeof item["label"] === "string" ? { label: item["label"] } : {}),
      }));
    case "VVP":
      return id === "users" ? byName(["visitor", "pedestrian"], (name) => leaf[name]) : single(leaf[id]);
    case "VAC":
      return id === "count" ? byName(["visits", "conversions"], (name) => leaf[name]) : single(leaf[id]);
    case "ATT":
      return byName(MODELS, (name) => leaf[name]);
    case "TCH2":
    case "TCH3":
      return byName(["print", "click", "opening"], inner);
    case "CMP": {
      const interval = leaf["ci95"] as [number, number] | null | undefined;
      if (id === "lowest") return single(interval?.[0]);
      if (id === "highest") return single(interval?.[1]);
      if (id === "lift" || id === "incrementalVisitors") return single(leaf[id]);
      return byName(["exposed", "control"], inner);
    }
    case "MTX":
      return matrixCells(leaf, id);
    case "ORD":
      return pathCells(leaf, id);
    default:
      return single(leaf[id]);
  }
}

/** Cells of pairs of areas. A value of one area has its row only: its cells are items. */
function matrixCells(leaf: Fields, id: string): Cell[] {
  const areas = (leaf["areas"] as string[] | undefined) ?? [];
  const rows = (leaf[id] as (number | null)[][] | undefined) ?? [];
  const isOneRow = rows.length === 1 && areas.length > 1;
  return rows.flatMap((row, y) =>
    row.map((value, x) => ({
      item: isOneRow ? (areas[x] ?? "") : (areas[y] ?? ""),
      column: isOneRow ? null : (areas[x] ?? ""),
      value,
    })),
  );
}

function pathCells(leaf: Fields, id: string): Cell[] {
  if (id === "meanRank")
    return Object.entries((leaf["meanRank"] as Record<string, number | null> | undefined) ?? {}).map(
      ([item, value]) => ({ item, column: null, value }),
    );
  if (id === "transitions")
    return ((leaf["transitions"] as Fields[] | undefined) ?? []).map((step) => ({
      item: String(step["from"]),
      column: step["to"] === null ? LEFT : String(step["to"]),
      value: number(step["value"]),
    }));
  return ((leaf["ranks"] as { rank: number; items: Fields[] }[] | undefined) ?? []).flatMap(({ rank, items }) =>
    items.map((item) => ({
      item: String(item["key"]),
      column: String(rank),
      value: number(item[id === "rankShare" ? "share" : "value"]),
    })),
  );
}
