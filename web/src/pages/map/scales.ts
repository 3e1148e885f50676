/** Scales of colour and size. Their domain ends at the 98th percentile, so that one outlier does not flatten it. */
import { quantile } from "~/plots/spec";

const OUTLIERS = 0.98;

export interface ColourScale {
  least: number;
  most: number;
  /** Colours from least to most, evenly spaced. */
  colours: readonly string[];
  /** Whether values lie beyond the ends of the domain. */
  isCut: boolean;
}

/** Return a scale from 0 to the 98th percentile of values. */
export function makeSequentialScale(values: readonly number[], colours: readonly string[]): ColourScale {
  const most = quantile(values, OUTLIERS) || Math.max(0, ...values);
  return { least: 0, most, colours, isCut: values.some((value) => value > most) };
}

/** Return a scale of changes, as far below 0 as above, to the 98th percentile of their sizes. */
export function makeDivergingScale(values: readonly number[], colours: readonly string[]): ColourScale {
  const sizes = values.map(Math.abs);
  const most = quantile(sizes, OUTLIERS) || Math.max(0, ...sizes);
  return { least: -most, most, colours, isCut: sizes.some((size) => size > most) };
}

/** Return the colour of a value, mixed of the two that it lies between. */
export function pickColour({ least, most, colours }: ColourScale, value: number): string {
  const share = most > least ? Math.min(1, Math.max(0, (value - least) / (most - least))) : 0.5;
  const position = share * (colours.length - 1);
  const low = parseColour(colours[Math.floor(position)]);
  const high = parseColour(colours[Math.ceil(position)]);
  const mixed = low.map((part, index) => Math.round(part + ((high[index] ?? 0) - part) * (position % 1)));
  return `#${mixed.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
}

function parseColour(colour = "#000000"): number[] {
  return [1, 3, 5].map((start) => Number.parseInt(colour.slice(start, start + 2), 16));
}

/** Return the radius of a circle whose area is in proportion to a value, between two radii; beyond `most`, the larger. */
export function pickRadius(value: number, most: number, [smallest, largest]: readonly [number, number]): number {
  if (value <= 0 || most <= 0) return smallest;
  return Math.max(smallest, largest * Math.sqrt(Math.min(1, value / most)));
}

/** Return one to three round values for the legend of sizes, ascending, none above `most`. */
export function pickLegendValues(most: number): number[] {
  if (!(most > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(most));
  const top = [5, 2, 1].map((digit) => digit * power).find((value) => value <= most) ?? power;
  return [top / 10, top / 2, top].filter((value) => value > 0);
}
