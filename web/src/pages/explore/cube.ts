/** An answer as numbers by group, bucket, item and column: what plots and tables are made of. */
import type { Answer, Element, Groups, GroupValues, Leaf, NestedGroups, Values } from "~/api/questions";
import { numberOf } from "~/api/questions";

import { type LeafField, listFields, readCells } from "./leaves";
import type { ExploreState } from "./state";

/** A value of an axis. */
export interface Entry {
  key: string;
  label: string;
}

/** A group of the answer, of one grouping or of two. */
export interface Group {
  id: string;
  outer: Entry;
  inner: Entry | null;
  /** Name of the group in one line. */
  label: string;
  share: number | null;
  isRest: boolean;
}

export interface Names {
  /** Name of the entry for all groups that are not shown. */
  others: string;
  unknown: string;
  /** Name of a group that has none in the answer, such as a channel. */
  group: (grouping: string, key: string) => string | undefined;
  /** Name of an item or column of a value; `sample` is a value of the answer. */
  item: (key: string, sample: Leaf | undefined) => string | undefined;
}

/** Which cell of the cube: a group (`null`: all together), bucket (`null`: the whole period), item and column. */
export interface Place {
  group?: string | null;
  bucket?: string | null;
  item?: string | null;
  column?: string | null;
}

export type Version = "now" | "then" | "change";

export interface Cube {
  kind: string;
  fields: LeafField[];
  field: LeafField;
  groups: Group[];
  /** How many groups there are in all, the ones left out included. */
  groupCount: number;
  /** Keys of the buckets; none for a question about the whole period. */
  buckets: string[];
  items: Entry[];
  columns: Entry[];
  hasComparison: boolean;
  /** The number of a cell; undefined where the answer has none. */
  read: (place: Place, version?: Version, field?: string) => number | null | undefined;
}

/** Between the keys of two groupings in `Group.id`. */
export const SEPARATOR = "\u0001";
export const OTHERS = "others";
const UNKNOWN = "unknown";

/** Return the cube of a field of an answer to the question of the page. */
export function makeCube(answer: Answer, state: ExploreState, names: Names): Cube {
  const { kpi } = state;
  const globals = answer.results.find((element) => element.scope === "globals");
  const grouped = state.by.length ? answer.results.find((element) => element.scope !== "globals") : undefined;
  const comparison = globals?.comparisons?.[0];
  const sample = (globals?.data as Values | undefined)?.all;
  const fields = listFields(kpi, sample);
  const field = fields.find((one) => one.id === state.field) ?? defaultField(fields, state);
  const groups = grouped ? listGroups(grouped, state, names) : [];

  const leaves = new Map<string, Values>();
  const put = (version: Version, id: string | null, values: Values | undefined) => {
    if (values) leaves.set(`${version}${SEPARATOR}${id ?? ""}`, values);
  };
  put("now", null, globals?.data as Values | undefined);
  put("then", null, comparison?.data as Values | undefined);
  put("change", null, comparison?.change as Values | undefined);
  const other = grouped?.comparisons?.[0];
  for (const group of groups) {
    put("now", group.id, valuesOf(grouped?.data, group));
    put("then", group.id, valuesOf(other?.data, group));
    put("change", group.id, valuesOf(other?.change, group));
  }

  // the numbers of a leaf, made when they are first asked for
  const tables = new Map<string, Map<string, number | null>>();
  const cellsOf = (version: Version, group: string | null, bucket: string | null, id: string) => {
    const key = [version, group ?? "", bucket ?? "", id].join(SEPARATOR);
    let table = tables.get(key);
    if (!table) {
      table = new Map();
      for (const cell of readCells(kpi.leaf, id, leafOf(version, group, bucket)))
        table.set(`${cell.item ?? ""}${SEPARATOR}${cell.column ?? ""}`, cell.value);
      tables.set(key, table);
    }
    return table;
  };
  const leafOf = (version: Version, group: string | null, bucket: string | null): Leaf | undefined => {
    const values = leaves.get(`${version}${SEPARATOR}${group ?? ""}`);
    return bucket === null ? values?.all : values?.temporals?.[bucket];
  };

  const all: (Leaf | undefined)[] = [leafOf("now", null, null), ...groups.map(({ id }) => leafOf("now", id, null))];
  const buckets = state.mode === "total" ? [] : listBuckets(globals, grouped, groups, answer, state);
  if (kpi.leaf === "ORD" || kpi.leaf === "PER" || kpi.leaf === "BRK")
    all.push(...buckets.slice(0, 400).map((bucket) => leafOf("now", null, bucket)));
  const { items, columns } = listItems(kpi.leaf, field, all, names, sample);
  return {
    kind: kpi.leaf,
    fields,
    field,
    groups,
    groupCount: grouped?.total ?? groups.length,
    buckets,
    items,
    columns,
    hasComparison: comparison !== undefined && comparison.from !== null,
    read: ({ group = null, bucket = null, item = null, column = null }, version = "now", id = field.id) =>
      cellsOf(version, group, bucket, id).get(`${item ?? ""}${SEPARATOR}${column ?? ""}`),
  };
}

/** Groups of different size are compared by the shares of their items. */
function defaultField(fields: readonly LeafField[], state: ExploreState): LeafField {
  const share = fields.find(({ id, isPart }) => id === "share" && isPart);
  return state.by.length && share ? share : (fields[0] as LeafField);
}

function valuesOf(data: Element["data"] | undefined, group: Group): Values | undefined {
  if (!data) return undefined;
  if (group.inner) return (data as NestedGroups)[group.outer.key]?.[group.inner.key];
  return (data as Groups)[group.outer.key];
}

/** Groups in the order of the question; objects lose it for keys that are numbers, such as codes of areas. */
function listGroups(element: Element, state: ExploreState, names: Names): Group[] {
  const changes = element.comparisons?.[0]?.change;
  const entry = (position: number, key: string, values: GroupValues | undefined): Entry => {
    const grouping = state.by[position] ?? "";
    const isRest = key === OTHERS && state.tops[position] !== null && state.hasOthers;
    const label = isRest
      ? names.others
      : (values?.name ?? names.group(grouping, key) ?? (key === UNKNOWN ? names.unknown : (values?.key ?? key)));
    return { key, label: names.group(grouping, key) ?? label };
  };
  const order = (groups: [string, GroupValues | undefined][], change: (key: string) => Leaf | undefined) => {
    const direction = state.sort.startsWith("-") ? -1 : 1;
    const rank = ([key, values]: [string, GroupValues | undefined]) =>
      numberOf(state.sort.endsWith("change") ? change(key) : values?.all);
    return [...groups].sort((left, right) => {
      if ((left[0] === OTHERS) !== (right[0] === OTHERS)) return left[0] === OTHERS ? 1 : -1;
      const [a, b] = [rank(left), rank(right)];
      if (a === null || b === null) return Number(a === null) - Number(b === null);
      return (a - b) * direction;
    });
  };
  if (state.by.length === 1) {
    const groups = element.data as Groups;
    return order(Object.entries(groups), (key) => (changes as Groups | undefined)?.[key]?.all).map(([key, values]) => {
      const outer = entry(0, key, values);
      return { id: key, outer, inner: null, label: outer.label, share: values?.share ?? null, isRest: key === OTHERS };
    });
  }
  const nested = element.data as NestedGroups;
  const readOuter = (key: string) =>
    element.outer?.[key]?.all === undefined
      ? { all: Object.values(nested[key] ?? {}).reduce((sum, { all }) => sum + (numberOf(all) ?? 0), 0) }
      : element.outer[key];
  const outers = order(
    Object.keys(nested).map((key) => [key, readOuter(key)]),
    () => null,
  );
  return outers.flatMap(([outerKey]) => {
    const outer = entry(0, outerKey, element.outer?.[outerKey]);
    const change = (changes as NestedGroups | undefined)?.[outerKey];
    return order(Object.entries(nested[outerKey] ?? {}), (key) => change?.[key]?.all).map(([key, values]) => {
      const inner = entry(1, key, values);
      return {
        id: `${outerKey}${SEPARATOR}${key}`,
        outer,
        inner,
        label: `${outer.label} · ${inner.label}`,
        share: values?.share ?? null,
        isRest: outerKey === OTHERS || key === OTHERS,
      };
    });
  });
}

const order = (left: string, right: string) => left.localeCompare(right, "en", { numeric: true });

function listBuckets(
  globals: Element | undefined,
  grouped: Element | undefined,
  groups: Group[],
  answer: Answer,
  state: ExploreState,
): string[] {
  const starts = answer.meta.buckets?.[state.grain];
  if (state.mode === "histogram" && starts) return starts.map((_, index) => String(index));
  const keys = new Set(Object.keys((globals?.data as Values | undefined)?.temporals ?? {}));
  for (const group of groups)
    for (const key of Object.keys(valuesOf(grouped?.data, group)?.temporals ?? {})) keys.add(key);
  return [...keys].sort(order);
}

function listItems(
  kind: string,
  field: LeafField,
  leaves: readonly (Leaf | undefined)[],
  names: Names,
  sample: Leaf | undefined,
): { items: Entry[]; columns: Entry[] } {
  if (field.shape === "number") return { items: [], columns: [] };
  const items = new Map<string, Entry>();
  const columns = new Map<string, Entry>();
  const enter = (entries: Map<string, Entry>, key: string, label?: string) => {
    if (!entries.has(key)) entries.set(key, { key, label: label ?? names.item(key, sample) ?? key });
  };
  for (const leaf of leaves)
    for (const { item, column, label } of readCells(kind, field.id, leaf)) {
      if (item !== null) enter(items, item, label);
      if (column !== null) enter(columns, column);
    }
  return { items: [...items.values()], columns: [...columns.values()] };
}
