/** What a plot shows, apart from how: every plot of the page is described by one of these. */
import type { Unit } from "~/format/formats";

/** One position of an axis of time or of categories. */
export interface Bucket {
  /** As on the axis: a date, "Monday", "9 h", a band. */
  label: string;
  /** As in the tooltip and the table, where there is more room. */
  title?: string;
  /** First day, if it is an interval; in the tooltip and the table. */
  from?: string;
  /** Only partly within the period, or not over yet: hatched. */
  isCut?: boolean;
}

export interface Series {
  name: string;
  values: (number | null)[];
  /** Number of the colour, 0 to 7; the comparison has that of its own period. */
  colour: number;
  /** The other period of a comparison: dashed and paler. */
  isCompared?: boolean;
  /** Labels of the buckets of another period, for the tooltip. */
  labels?: string[];
}

interface Common {
  /** Name of the plot: the KPI, and what it is broken down by. */
  title: string;
  unit: Unit;
  currency?: string;
}

/** Lines over time, or bars; bars can be stacked. */
export interface SeriesPlot extends Common {
  kind: "line" | "bar" | "stacked";
  buckets: Bucket[];
  series: Series[];
  /** Bars from left to right, one bucket below the other: for names instead of times. */
  isHorizontal?: boolean;
  /** What the buckets are, above their column of the table. */
  bucketTitle?: string;
}

/** Cells of rows and columns in one colour scale: hours of the week, pairs of sites. */
export interface HeatPlot extends Common {
  kind: "heat";
  rows: string[];
  columns: string[];
  /** Whether the columns are names, which all have a label, instead of times. */
  hasNamedColumns?: boolean;
  /** By row, then column. */
  values: (number | null)[][];
  /** What the rows are, above their column of the table. */
  bucketTitle?: string;
}

export type PlotSpec = SeriesPlot | HeatPlot;

/** Height in pixels at which the labels of a plot are readable. */
export function plotHeight(spec: PlotSpec): number {
  if (spec.kind === "heat") {
    const names = spec.hasNamedColumns ? Math.max(0, ...spec.columns.map((name) => name.length)) : 0;
    return Math.max(240, Math.min(1000, 80 + 24 * spec.rows.length + Math.min(120, 4 * names)));
  }
  if (!spec.isHorizontal) return 360;
  const bars = spec.kind === "stacked" ? 1 : spec.series.length;
  return Math.max(160, Math.min(2400, 60 + spec.buckets.length * Math.max(26, 14 * bars)));
}

/** Return the value at a share of sorted values, between two of them by interpolation. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  if (!sorted.length) return 0;
  const position = (sorted.length - 1) * share;
  const low = sorted[Math.floor(position)] ?? 0;
  const high = sorted[Math.ceil(position)] ?? low;
  return low + (high - low) * (position - Math.floor(position));
}

/** Return all values of a plot that are numbers, without those of compared periods. */
export function plotValues(spec: PlotSpec): number[] {
  const values =
    spec.kind === "heat"
      ? spec.values.flat()
      : spec.series.filter((one) => !one.isCompared).flatMap((one) => one.values);
  return values.filter((value): value is number => value !== null);
}
