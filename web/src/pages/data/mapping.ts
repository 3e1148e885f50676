/** Which column of a file is which field, and how the file is written. */
import type { Schemas } from "~/api/client";

export type Preview = Schemas["PreviewAnswer"];
export type PreviewField = Schemas["PreviewField"];

export interface Mapping {
  /** Column by field. */
  mapper: Record<string, string>;
  /** Column of the time of day, by field of instants whose day is in a column of its own. */
  times: Record<string, string>;
  /** Unit by field. */
  units: Record<string, string>;
}

/** What the user has chosen about a file; the rest is guessed by the server. */
export interface Choices {
  kind?: string;
  encoding?: string;
  delimiter?: string;
  dates?: string;
  timezone?: string;
  sheet?: string;
  mapping?: Mapping;
}

/** How a file is read: what the server guessed, and what the user has chosen. */
export interface ReadingOptions extends Mapping {
  kind: string;
  format: string;
  encoding: string | null;
  delimiter: string | null;
  dates: string | null;
  timezone: string | null;
  sheet: string | null;
  hasIds: boolean;
}

/** Return how a file is read by a preview and the choices that were made for it. */
export function readingOptions(preview: Preview, choices: Choices): ReadingOptions {
  const { mapper, times, units } = choices.mapping ?? preview;
  return {
    kind: preview.kind,
    format: preview.format,
    encoding: preview.encoding ?? null,
    delimiter: preview.delimiter ?? null,
    dates: preview.dates ?? null,
    timezone: choices.timezone ?? preview.timezone ?? null,
    sheet: preview.sheet ?? null,
    hasIds: preview.columns.some(({ name }) => name === "_id"),
    mapper,
    times: Object.fromEntries(Object.entries(times).filter(([field]) => mapper[field])),
    units: Object.fromEntries(Object.entries(units).filter(([field]) => mapper[field])),
  };
}

function omit<T>(entries: Record<string, T>, name: string): Record<string, T> {
  return Object.fromEntries(Object.entries(entries).filter(([other]) => other !== name));
}

/** Return a mapping with another column for a field; "" is none. */
export function mapField(mapping: Mapping, field: string, column: string): Mapping {
  if (column) return { ...mapping, mapper: { ...mapping.mapper, [field]: column } };
  return { ...mapping, mapper: omit(mapping.mapper, field), times: omit(mapping.times, field) };
}

/** Return a mapping with another entry of `times` or `units` for a field; "" is none. */
export function changeEntry(mapping: Mapping, part: "times" | "units", field: string, value: string): Mapping {
  return { ...mapping, [part]: value ? { ...mapping[part], [field]: value } : omit(mapping[part], field) };
}

/** Return the fields that each column is read into, the times of day included. */
export function fieldsByColumn({ mapper, times }: Mapping): Map<string, string[]> {
  const fields = new Map<string, string[]>();
  for (const part of [mapper, times])
    for (const [field, column] of Object.entries(part)) fields.set(column, [...(fields.get(column) ?? []), field]);
  return fields;
}

/** Return the parameters of a preview. Each field is given once the user has changed one, so that no other moves. */
export function previewQuery(choices: Choices, fields: readonly string[], isPartial: boolean): URLSearchParams {
  const params = new URLSearchParams();
  if (isPartial) params.set("partial", "true");
  for (const name of ["kind", "encoding", "delimiter", "dates", "timezone", "sheet"] as const)
    if (choices[name]) params.set(name, choices[name]);
  if (choices.mapping) for (const field of fields) params.set(`mapper[${field}]`, choices.mapping.mapper[field] ?? "");
  return params;
}

/** Return the options of an ingest or import as parameters or form fields. */
export function writeOptions(options: ReadingOptions): [string, string][] {
  const isText = options.encoding !== null;
  const entries: [string, string | null][] = [
    ["encoding", isText ? options.encoding : null],
    ["delimiter", isText ? options.delimiter : null],
    ["dates", options.dates],
    ["timezone", options.timezone],
    ["sheet", options.sheet],
    ...Object.entries(options.mapper).map(([field, column]): [string, string] => [`mapper[${field}]`, column]),
    ...Object.entries(options.times).map(([field, column]): [string, string] => [`time[${field}]`, column]),
    ...Object.entries(options.units).map(([field, unit]): [string, string] => [`unit[${field}]`, unit]),
  ];
  return entries.filter((entry): entry is [string, string] => Boolean(entry[1]));
}
