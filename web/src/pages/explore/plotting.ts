/** Which plots suit an answer, and what each of them shows. */
import { assignColours, REST_COLOUR } from "~/plots/colours";
import type { Bucket, PlotSpec, Series, SeriesPlot } from "~/plots/spec";

import type { TimeBucket } from "./buckets";
import { sumsToWhole } from "./catalogue";
import { type Cube, type Entry, type Group, OTHERS, type Place, SEPARATOR } from "./cube";
import type { ExploreState } from "./state";

export type PlotKind = "number" | "line" | "bar" | "stacked" | "ranked" | "heat";

/** What is plotted, against what: the axes that the answer has once a group or a bucket is picked. */
export interface Arrangement {
  /** Kinds of plots that fit; the first suits best. */
  kinds: PlotKind[];
  time: boolean;
  /** Groups that are an axis; none where they are not. */
  groups: Group[];
  /** Whether the groups are of two groupings, as rows and columns. */
  isNested: boolean;
  items: boolean;
  columns: boolean;
  /** The place that all plotted values have in common. */
  place: Place;
  /** Groups and buckets that can be picked, where there are too many axes for one plot. */
  pickGroups: Entry[];
  pickBuckets: boolean;
}

export interface Labels {
  title: string;
  /** Name of the figure alone. */
  value: string;
  /** The period, and the one that it is compared with. */
  now: string;
  then: string;
  time: string;
  groups: string[];
  items: string;
  leftSite: string;
  weekday: (weekday: number) => string;
  hour: (hour: number) => string;
}

export interface Plotted {
  spec: PlotSpec | null;
  /** How many series or rows are left out of the plot. */
  hidden: number;
  /** Whether the other period is in the plot. */
  isCompared: boolean;
  /** Whether the entry of the others is left out: it is so large that it would flatten the rest. */
  isRestHidden: boolean;
}

const MOST_SERIES = 8; // as many as there are colours
const MOST_COMPARED = 3; // more dashed lines cannot be told apart
const MOST_ROWS = 60;

const entriesOf = (groups: readonly Group[]): Entry[] => {
  const entries = new Map<string, Entry>();
  for (const { outer } of groups) if (!entries.has(outer.key)) entries.set(outer.key, outer);
  return [...entries.values()];
};

/** Return how an answer can be plotted. */
export function arrange(cube: Cube, state: ExploreState): Arrangement {
  const { field, items } = cube;
  const hasTime = cube.buckets.length > 0;
  const isNested = state.by.length === 2 && cube.groups.length > 0;
  const isWeekly = hasTime && state.grain === "hourOfWeek";
  const base: Arrangement = {
    kinds: [],
    time: false,
    groups: [],
    isNested: false,
    items: false,
    columns: false,
    place: {},
    pickGroups: [],
    pickBuckets: false,
  };
  const outers = entriesOf(cube.groups);
  const candidates: Entry[] = isNested ? outers : cube.groups.map(({ id, label }) => ({ key: id, label }));
  const picked = candidates.find(({ key }) => key === state.group)?.key;

  if (field.shape === "matrix") {
    const pickGroups = cube.groups.map(({ id, label }) => ({ key: id, label }));
    const group = cube.groups.find(({ id }) => id === state.group)?.id ?? null;
    const bucket = cube.buckets.includes(state.bucket) ? state.bucket : null;
    const hasColumns = items.some(({ key }) =>
      cube.columns.some((column) => cube.read({ group, bucket, item: key, column: column.key }) !== undefined),
    );
    return {
      ...base,
      kinds: hasColumns || group === null ? ["heat"] : ["ranked"],
      items: true,
      columns: hasColumns || group === null,
      place: { group, bucket },
      pickGroups,
      pickBuckets: hasTime,
    };
  }

  if (field.shape === "items") {
    const overTime = (place: Place, pickGroups: Entry[]): Arrangement => ({
      ...base,
      kinds: isWeekly
        ? ["heat", "line"]
        : field.isPart
          ? cube.kind === "DIST"
            ? ["stacked", "line", "heat"]
            : ["line", "stacked", "heat"]
          : ["line", "heat", "bar"],
      time: true,
      items: true,
      place,
      pickGroups,
    });
    if (!cube.groups.length) {
      if (hasTime) return overTime({}, []);
      const isList = ["BRK", "PER", "AFF", "ORD"].includes(cube.kind);
      return { ...base, kinds: isList ? ["ranked", "bar"] : ["bar", "ranked"], items: true };
    }
    const pickGroups = cube.groups.map(({ id, label }) => ({ key: id, label }));
    const group = cube.groups.find(({ id }) => id === state.group)?.id;
    if (group !== undefined)
      return hasTime
        ? overTime({ group }, pickGroups)
        : { ...base, kinds: ["bar", "ranked"], items: true, place: { group }, pickGroups };
    const isFew = items.length <= MOST_SERIES;
    return {
      ...base,
      kinds: !isFew
        ? ["heat"]
        : field.isPart
          ? ["stacked", "heat", "bar"]
          : items.length <= 3
            ? ["bar", "heat"]
            : ["heat", "bar"],
      groups: cube.groups,
      items: true,
      pickGroups,
    };
  }

  const isAdditive = field.change === "relative" && field.id === "value" && sumsToWhole(state.kpi, state.by);
  if (!cube.groups.length) {
    if (!hasTime) return { ...base, kinds: ["number"] };
    if (isWeekly) return { ...base, kinds: ["heat", "line"], time: true };
    return { ...base, kinds: state.mode === "histogram" ? ["line", "bar"] : ["bar", "line"], time: true };
  }
  const overTime = (groups: Group[], pickGroups: Entry[]): Arrangement => ({
    ...base,
    kinds: ["line", ...(isAdditive ? ["stacked" as const] : []), "bar", "heat", "ranked"],
    time: true,
    groups,
    pickGroups,
  });
  if (isWeekly) {
    const pickGroups = cube.groups.map(({ id, label }) => ({ key: id, label }));
    const group = cube.groups.find(({ id }) => id === state.group)?.id ?? null;
    return { ...base, kinds: ["heat", "line"], time: true, place: { group }, pickGroups };
  }
  if (!isNested) {
    if (hasTime) return overTime(cube.groups, []);
    return { ...base, kinds: ["ranked"], groups: cube.groups };
  }
  const inside = cube.groups.filter(({ outer }) => outer.key === picked);
  if (picked !== undefined)
    return hasTime ? overTime(inside, outers) : { ...base, kinds: ["ranked"], groups: inside, pickGroups: outers };
  const inners = new Set(cube.groups.map(({ inner }) => inner?.key));
  const isFew = inners.size <= MOST_SERIES;
  return {
    ...base,
    kinds: isFew ? (isAdditive ? ["stacked", "heat", "bar"] : ["heat", "bar"]) : ["heat"],
    groups: cube.groups,
    isNested: true,
    pickGroups: outers,
  };
}

/** Return the kind of plot that is chosen, if it fits, else the one that suits best. */
export function chooseKind(arrangement: Arrangement, chosen: string): PlotKind {
  return arrangement.kinds.find((kind) => kind === chosen) ?? arrangement.kinds[0] ?? "number";
}

interface Line {
  entry: Entry;
  place: Place;
  isRest: boolean;
}

/**
 * Return names without the words that all of them begin with, such as the brand before the town of each shop.
 *
 * Fewer than three names stay as they are, and each keeps a word.
 */
export function shortenNames(names: readonly string[]): string[] {
  const [first] = names;
  if (first === undefined || names.length < 3) return [...names];
  const words = first.split(" ");
  let count = 0;
  while (count < words.length - 1) {
    const prefix = `${words.slice(0, count + 1).join(" ")} `;
    if (!names.every((name) => name.startsWith(prefix) && name.length > prefix.length)) break;
    count += 1;
  }
  const length = count ? words.slice(0, count).join(" ").length + 1 : 0;
  return names.map((name) => name.slice(length));
}

function shortenLines(lines: Line[]): Line[] {
  const own = lines.filter(({ isRest }) => !isRest);
  const names = shortenNames(own.map(({ entry }) => entry.label));
  const byKey = new Map(own.map(({ entry }, index) => [entry.key, names[index] ?? entry.label]));
  return lines.map((line) =>
    line.isRest ? line : { ...line, entry: { ...line.entry, label: byKey.get(line.entry.key) ?? line.entry.label } },
  );
}

/** Return the description of a plot of an answer. */
export function makePlot(
  cube: Cube,
  state: ExploreState,
  arrangement: Arrangement,
  kind: PlotKind,
  buckets: readonly TimeBucket[],
  labels: Labels,
  currency: string,
): Plotted {
  const common = { title: labels.title, unit: cube.field.unit, currency };
  const nothing: Plotted = { spec: null, hidden: 0, isCompared: false, isRestHidden: false };
  const read = (place: Place, version?: "now" | "then") =>
    cube.read({ ...arrangement.place, ...place }, version) ?? null;
  if (kind === "number") return nothing;

  const [allRows, columns] = listAxes(cube, arrangement, labels).map(shortenLines) as [Line[], Line[]];
  const isRestHidden = kind !== "stacked" && isRestHuge(allRows, (line) => read(line.place));
  const rows = isRestHidden ? allRows.filter(({ isRest }) => !isRest) : allRows;
  if (kind === "heat") {
    if (state.grain === "hourOfWeek" && arrangement.time && !arrangement.items)
      return { ...nothing, spec: weekPlot(buckets, (bucket) => read({ bucket }), common, labels) };
    const across = arrangement.time
      ? buckets.map((bucket) => ({
          entry: { key: bucket.key, label: bucket.title ?? bucket.label },
          place: { bucket: bucket.key },
        }))
      : columns;
    const isMatrix = cube.kind === "MTX" && arrangement.columns;
    const shown = rows.slice(0, MOST_ROWS);
    return {
      hidden: rows.length - shown.length,
      isCompared: false,
      isRestHidden,
      spec: {
        ...common,
        kind: "heat",
        rows: shown.map(({ entry }) => entry.label),
        columns: across.slice(0, arrangement.time ? across.length : MOST_ROWS).map(({ entry }) => entry.label),
        values: shown.map((row) =>
          across
            .slice(0, arrangement.time ? across.length : MOST_ROWS)
            .map((column) => (isMatrix && row.entry.key === column.entry.key ? null : readCell(row, column, read))),
        ),
        bucketTitle: rowsTitle(arrangement, labels),
        ...(arrangement.time ? {} : { hasNamedColumns: true }),
      },
    };
  }

  if (kind === "ranked") {
    // bars for names, one below the other; of the whole period
    const lines = rows.slice(0, MOST_ROWS);
    const series: Series[] = [
      { name: labels.now, colour: 0, values: lines.map(({ place }) => read(place)) },
      ...(cube.hasComparison
        ? [{ name: labels.then, colour: 0, isCompared: true, values: lines.map(({ place }) => read(place, "then")) }]
        : []),
    ];
    const spec: SeriesPlot = {
      ...common,
      kind: "bar",
      isHorizontal: true,
      buckets: lines.map(({ entry }) => ({ label: entry.label })),
      series,
      bucketTitle: rowsTitle(arrangement, labels),
    };
    return { spec, hidden: rows.length - lines.length, isCompared: cube.hasComparison, isRestHidden };
  }

  const axis: { bucket: Bucket; place: Place; isFuture: boolean; compared?: string | undefined }[] = arrangement.time
    ? buckets.map((bucket) => ({
        bucket,
        place: { bucket: bucket.key },
        isFuture: bucket.isFuture,
        compared: bucket.compared,
      }))
    : rows.slice(0, MOST_ROWS).map(({ entry, place }) => ({ bucket: { label: entry.label }, place, isFuture: false }));
  const candidates: Line[] = arrangement.time
    ? arrangement.groups.length || arrangement.items
      ? rows
      : [{ entry: { key: "", label: labels.now }, place: {}, isRest: false }]
    : columns.length
      ? columns
      : [{ entry: { key: "", label: labels.now }, place: {}, isRest: false }];
  const lines = candidates.slice(0, MOST_SERIES);
  const isAlone = lines.length === 1 && lines[0]?.entry.key === "";
  const isCompared = cube.hasComparison && kind !== "stacked" && lines.length <= (kind === "line" ? MOST_COMPARED : 1);
  const dimension = arrangement.items ? cube.kind : (state.by[arrangement.isNested ? 1 : 0] ?? "");
  const colours = assignColours(
    dimension,
    lines.filter(({ isRest }) => !isRest).map(({ entry }) => entry.key),
  );
  let next = 0;
  const series = lines.flatMap((line): Series[] => {
    const colour = line.isRest ? REST_COLOUR : (colours[next++] ?? 0);
    const now: Series = {
      name: line.entry.label,
      colour: isAlone ? 0 : colour,
      values: axis.map(({ place, isFuture }) => (isFuture ? null : readPair(line.place, place, read))),
    };
    if (!isCompared) return [now];
    const then: Series = {
      name: isAlone ? labels.then : `${line.entry.label}, ${labels.then}`,
      colour: now.colour,
      isCompared: true,
      values: axis.map(({ place }) => readPair(line.place, place, (at) => read(at, "then"))),
      ...(axis.some(({ compared }) => compared) ? { labels: axis.map(({ compared }) => compared ?? "") } : {}),
    };
    return [now, then];
  });
  const spec: SeriesPlot = {
    ...common,
    kind,
    buckets: axis.map(({ bucket }) => bucket),
    series,
    bucketTitle: arrangement.time ? labels.time : rowsTitle(arrangement, labels),
    ...(arrangement.groups.length && !arrangement.time ? { isHorizontal: true } : {}),
  };
  return { spec, hidden: candidates.length - lines.length, isCompared, isRestHidden };
}

function readPair(line: Place, axis: Place, read: (place: Place) => number | null): number | null {
  return read(mergePlaces(line, axis));
}

function readCell(row: Line, column: { place: Place }, read: (place: Place) => number | null): number | null {
  return read(mergePlaces(row.place, column.place));
}

const HUGE = 3; // times the largest of the other values

function isRestHuge(lines: readonly Line[], read: (line: Line) => number | null): boolean {
  const size = (line: Line) => Math.abs(read(line) ?? 0);
  const rest = Math.max(0, ...lines.filter(({ isRest }) => isRest).map(size));
  const most = Math.max(0, ...lines.filter(({ isRest }) => !isRest).map(size));
  return most > 0 && rest > HUGE * most;
}

/** Put two places together; the halves of a nested group become its id. */
function mergePlaces(first: Place, second: Place): Place {
  const merged = { ...first, ...second };
  const halves = [first.group, second.group].filter((half): half is string => typeof half === "string");
  const outer = halves.find((half) => half.endsWith(SEPARATOR));
  const inner = halves.find((half) => half.startsWith(SEPARATOR));
  if (outer !== undefined && inner !== undefined) merged.group = outer + inner.slice(SEPARATOR.length);
  return merged;
}

function rowsTitle(arrangement: Arrangement, labels: Labels): string {
  return arrangement.groups.length ? (labels.groups[0] ?? "") : labels.items;
}

/** Return what is below each other and what is side by side, apart from time. */
function listAxes(cube: Cube, arrangement: Arrangement, labels: Labels): [Line[], Line[]] {
  const items = (arrangement.items ? cube.items : []).map((entry): Line => ({
    entry,
    place: { item: entry.key },
    isRest: false,
  }));
  const columns = (arrangement.columns ? cube.columns : []).map((entry): Line => ({
    entry: entry.key === "" ? { key: "", label: labels.leftSite } : entry,
    place: { column: entry.key },
    isRest: false,
  }));
  if (arrangement.isNested && !arrangement.items) {
    const inners = new Map<string, { line: Line; sum: number }>();
    for (const group of arrangement.groups) {
      if (!group.inner) continue;
      const earlier = inners.get(group.inner.key);
      const value = Math.abs(cube.read({ group: group.id }) ?? 0);
      if (earlier) earlier.sum += value;
      else {
        const isRest = group.inner.key === OTHERS;
        const line = { entry: group.inner, place: { group: SEPARATOR + group.inner.key }, isRest };
        inners.set(group.inner.key, { line, sum: isRest ? -1 : value });
      }
    }
    const sorted = [...inners.values()].sort((a, b) => Number(a.line.isRest) - Number(b.line.isRest) || b.sum - a.sum);
    const outers = entriesOf(arrangement.groups).map((entry): Line => ({
      entry,
      place: { group: entry.key + SEPARATOR },
      isRest: entry.key === OTHERS,
    }));
    return [outers, sorted.map(({ line }) => line)];
  }
  const groups = arrangement.groups.map(({ id, label, inner, outer, isRest }): Line => ({
    entry: {
      key: id,
      label:
        arrangement.isNested ||
        !inner ||
        arrangement.pickGroups.every(({ key }) => key !== outer.key) ||
        arrangement.items
          ? label
          : inner.label,
    },
    place: { group: id },
    isRest,
  }));
  if (groups.length) return [groups, items];
  return [items, columns];
}

/** Heat map of weekdays by hours. */
function weekPlot(
  buckets: readonly TimeBucket[],
  read: (bucket: string) => number | null,
  common: { title: string; unit: string; currency: string },
  labels: Labels,
): PlotSpec {
  const weekdays = [1, 2, 3, 4, 5, 6, 7];
  const hours = Array.from({ length: 24 }, (_, hour) => hour);
  const keys = new Set(buckets.map(({ key }) => key));
  return {
    ...common,
    kind: "heat",
    rows: weekdays.map(labels.weekday),
    columns: hours.map(labels.hour),
    values: weekdays.map((weekday) =>
      hours.map((hour) => (keys.has(`${weekday}-${hour}`) ? read(`${weekday}-${hour}`) : null)),
    ),
    bucketTitle: labels.time,
  };
}
