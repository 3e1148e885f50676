/** The table under the plot: a row for each group, bucket or item, with the whole below. */
import type { TimeBucket } from "./buckets";
import { sumsToWhole } from "./catalogue";
import type { Cube, Place, Version } from "./cube";
import type { LeafField } from "./leaves";
import type { Arrangement } from "./plotting";
import type { ExploreState } from "./state";

/** A column: of a value, of the other period, of the change, or of the share of the whole. */
export interface TableColumn {
  id: string;
  content: "value" | "then" | "change" | "share";
  field: LeafField;
  /** Item or column of a matrix that the column is about, by its label; the field itself where it is absent. */
  item?: string;
}

export interface TableRow {
  id: string;
  labels: string[];
  values: (number | null | undefined)[];
  isCut?: boolean;
  isRest?: boolean;
}

export interface ResultTable {
  /** What the rows are: groups, time, items, or the whole period alone. */
  rowKind: "groups" | "time" | "items" | "whole";
  columns: TableColumn[];
  rows: TableRow[];
  /** Values of the whole, in the columns; `isSum` tells whether the rows add up to them. */
  foot: (number | null | undefined)[] | null;
  isSum: boolean;
}

const MOST_ITEM_COLUMNS = 12;

/** Return the table of an answer. */
export function makeTable(
  cube: Cube,
  state: ExploreState,
  arrangement: Arrangement,
  buckets: readonly TimeBucket[],
): ResultTable {
  const { place } = arrangement;
  if (cube.field.shape === "matrix" && arrangement.columns) return matrixTable(cube, place);
  const isAlone = place.group !== undefined && place.group !== null;
  if (cube.groups.length && !isAlone && cube.field.shape !== "matrix") {
    const shown = arrangement.groups.length ? arrangement.groups : cube.groups;
    const columns = valueColumns(cube, true);
    const hasShare = cube.field.shape === "number" && cube.groups.some(({ share }) => share !== null);
    const rows = shown.map((group): TableRow => ({
      id: group.id,
      labels: group.inner ? [group.outer.label, group.inner.label] : [group.outer.label],
      values: columns.map((column) =>
        column.content === "share" ? group.share : readColumn(cube, column, { group: group.id }),
      ),
      isRest: group.isRest,
    }));
    return {
      rowKind: "groups",
      columns: hasShare ? columns : columns.filter(({ content }) => content !== "share"),
      rows: hasShare
        ? rows
        : rows.map((row) => ({ ...row, values: row.values.filter((_, index) => columns[index]?.content !== "share") })),
      foot: (hasShare ? columns : columns.filter(({ content }) => content !== "share")).map((column) =>
        column.content === "share" ? (sumsToWhole(state.kpi, state.by) ? 1 : null) : readColumn(cube, column, {}),
      ),
      isSum: sumsToWhole(state.kpi, state.by),
    };
  }
  const columns = valueColumns(cube, false);
  if (buckets.length && cube.field.shape !== "matrix")
    return {
      rowKind: "time",
      columns,
      rows: buckets
        .filter(({ isFuture }) => !isFuture)
        .map(({ key, label, title, isCut }) => ({
          id: key,
          labels: [title ?? label],
          values: columns.map((column) => readColumn(cube, column, { ...place, bucket: key })),
          isCut: isCut ?? false,
        })),
      foot: columns.map((column) => readColumn(cube, column, place)),
      isSum: state.kpi.kind.startsWith("A") && cube.kind === "N",
    };
  if (cube.items.length) return itemTable(cube, place);
  return {
    rowKind: "whole",
    columns,
    rows: [{ id: "whole", labels: [], values: columns.map((column) => readColumn(cube, column, place)) }],
    foot: null,
    isSum: false,
  };
}

function readColumn(cube: Cube, { content, field, item }: TableColumn, place: Place): number | null | undefined {
  const version: Version = content === "then" || content === "change" ? content : "now";
  return cube.read({ ...place, ...(item === undefined ? {} : { item }) }, version, field.id);
}

/** Columns of one field, with the other period and the change if there are any. */
function fieldColumns(cube: Cube, field: LeafField, isMain: boolean, item?: string): TableColumn[] {
  const id = `${field.id}${item === undefined ? "" : `:${item}`}`;
  const rest = item === undefined ? {} : { item };
  const value: TableColumn = { id, content: "value", field, ...rest };
  if (!isMain || !cube.hasComparison) return [value];
  return [value, { ...value, id: `${id} then`, content: "then" }, { ...value, id: `${id} change`, content: "change" }];
}

/** Columns of rows that are not items: the field's items if they are few, and the fields that are numbers. */
function valueColumns(cube: Cube, hasShare: boolean): TableColumn[] {
  const { field, fields, items } = cube;
  const columns: TableColumn[] = [];
  if (field.shape === "items")
    for (const { key } of items.slice(0, MOST_ITEM_COLUMNS))
      columns.push(...fieldColumns(cube, field, items.length === 1, key));
  const numbers = fields.filter(({ shape }) => shape === "number");
  for (const other of [...numbers].sort((a, b) => Number(b.id === field.id) - Number(a.id === field.id))) {
    const isMain = other.id === field.id;
    columns.push(...fieldColumns(cube, other, isMain));
    if (isMain && hasShare) columns.splice(1, 0, { id: "share of whole", content: "share", field: other });
  }
  return columns;
}

function itemTable(cube: Cube, place: Place): ResultTable {
  const columns = cube.fields
    .filter(({ shape }) => shape === "items")
    .flatMap((field) => fieldColumns(cube, field, field.id === cube.field.id));
  const total = cube.fields.some(({ id }) => id === "total") ? "total" : undefined;
  const isSum = cube.field.isPart === true;
  return {
    rowKind: "items",
    columns,
    rows: cube.items.map(({ key, label }) => ({
      id: key,
      labels: [label],
      values: columns.map((column) => readColumn(cube, column, { ...place, item: key })),
    })),
    foot:
      total && isSum
        ? columns.map(({ content, field }) =>
            field.id === "value"
              ? cube.read(place, content === "share" || content === "value" ? "now" : content, total)
              : null,
          )
        : null,
    isSum: false, // what is unknown is in the total, too
  };
}

function matrixTable(cube: Cube, place: Place): ResultTable {
  return {
    rowKind: "items",
    columns: cube.columns.map(({ key }) => ({ id: key, content: "value", field: cube.field, item: key })),
    rows: cube.items.map(({ key, label }) => ({
      id: key,
      labels: [label],
      values: cube.columns.map((column) => cube.read({ ...place, item: key, column: column.key })),
    })),
    foot: null,
    isSum: false,
  };
}
