/**
 * How values of the API become drafts, which inputs edit, and drafts become values again.
 *
 * A draft that cannot be understood is sent as it is: the server says what is wrong with it.
 */
import type { Fields } from "~/api/documents";
import { WEEKDAYS } from "~/state/days";

export interface Codec<Draft> {
  read: (value: unknown) => Draft;
  /** Return the value of a draft, `null` for an empty one. */
  write: (draft: Draft) => unknown;
}

export const text: Codec<string> = {
  read: (value) => (typeof value === "string" ? value : ""),
  write: (draft) => draft.trim() || null,
};

export const flag: Codec<boolean> = { read: (value) => value === true, write: (draft) => draft };

/** Numbers with a comma or a point. */
export const number: Codec<string> = {
  read: (value) => (typeof value === "number" || typeof value === "string" ? String(value) : ""),
  write: parseNumber,
};

/** Numbers separated by spaces, commas or semicolons. */
export const numbers: Codec<string> = {
  read: (value) => (Array.isArray(value) ? value.join(", ") : ""),
  write: (draft) => {
    const parts = draft.split(/[\s,;]+/).filter(Boolean);
    return parts.length ? parts.map(parseNumber) : null;
  },
};

/** Texts or ids, each once. */
export const list: Codec<string[]> = {
  read: (value) => (Array.isArray(value) ? value.map(String) : []),
  write: (draft) => (draft.length ? [...new Set(draft)] : null),
};

/** A day until whose end something is valid, as an instant in the browser's time zone. */
export const lastDay: Codec<string> = {
  read: (value) => {
    if (typeof value !== "string") return "";
    const end = new Date(value);
    const [month, day] = [end.getMonth() + 1, end.getDate()].map((part) => String(part).padStart(2, "0"));
    return `${end.getFullYear()}-${month}-${day}`;
  },
  write: (draft) => {
    const end = new Date(`${draft}T23:59:59`);
    return draft ? (Number.isNaN(end.getTime()) ? draft : end.toISOString()) : null;
  },
};

/** A shape, as GeoJSON or well-known text. */
export const geometry: Codec<string> = {
  read: (value) => (isFilled(value) ? JSON.stringify(value) : ""),
  write: (draft) => {
    try {
      return draft.trim() ? (JSON.parse(draft) as unknown) : null;
    } catch {
      return draft.trim(); // well-known text, or an error of the server
    }
  },
};

export interface Position {
  longitude: string;
  latitude: string;
}

export const position: Codec<Position> = {
  read: (value) => {
    const [longitude, latitude] = Array.isArray(value) ? (value as unknown[]) : [];
    return { longitude: number.read(longitude), latitude: number.read(latitude) };
  },
  write: ({ longitude, latitude }) =>
    longitude.trim() || latitude.trim() ? [parseNumber(longitude), parseNumber(latitude)] : null,
};

// -- objects -----------------------------------------------------------------------------------------------------

/** An object of parts with codecs of their own; names without one are kept. */
export function parts(codecs: Record<string, Codec<unknown>>): Codec<Fields> {
  return {
    read: (value) => {
      const fields = isFilled(value) ? value : {};
      const known = Object.entries(codecs).map(([name, codec]) => [name, codec.read(fields[name])] as const);
      return { ...fields, ...Object.fromEntries(known) };
    },
    write: (draft) => {
      const values = Object.entries(draft).map(([name, value]) => {
        const codec = codecs[name];
        return [name, codec ? codec.write(value) : value] as const;
      });
      const filled = values.filter(([name, value]) => !(name in codecs) || value !== null);
      return filled.length ? Object.fromEntries(filled) : null;
    },
  };
}

/** A list of objects of the same parts. */
export function rows(codecs: Record<string, Codec<unknown>>): Codec<Fields[]> {
  const row = parts(codecs);
  return {
    read: (value) => (Array.isArray(value) ? value.map(row.read) : []),
    write: (draft) => {
      const values = draft.map((one) => row.write(one) ?? {});
      return values.length ? values : null;
    },
  };
}

export type ValueType = "text" | "number" | "flag";

/** A name with its value and the type of the value. */
export interface NamedValue {
  name: string;
  type: ValueType;
  value: string;
}

/** An object of texts, numbers and booleans with any names; also as a list of objects with `key` and `value`. */
export const namedValues: Codec<NamedValue[]> = {
  read: (value) => {
    const entries: [string, unknown][] = Array.isArray(value)
      ? (value as { key: string; value: unknown }[]).map((one) => [one.key, one.value])
      : Object.entries(isFilled(value) ? value : {});
    return entries.map(([name, one]) => ({
      name,
      type: typeof one === "number" ? "number" : typeof one === "boolean" ? "flag" : "text",
      value: one === null || one === undefined ? "" : String(one as string | number | boolean),
    }));
  },
  write: (draft) => {
    const filled = draft.filter(({ name, value }) => name.trim() || value.trim());
    if (!filled.length) return null;
    return Object.fromEntries(
      filled.map(({ name, type, value }) => [
        name.trim(),
        type === "number" ? parseNumber(value) : type === "flag" ? value === "true" : value || null,
      ]),
    );
  },
};

// -- opening hours -----------------------------------------------------------------------------------------------

/** Hours of a day as text, such as `09:00-12:30, 14:00-19:00`; nothing where it is closed. */
const hours: Codec<string> = {
  read: (value) => (Array.isArray(value) ? (value as string[][]).map((span) => span.join("-")).join(", ") : ""),
  write: (draft) => {
    const spans = draft.split(/[,;]/).map((span) => span.trim());
    const filled = spans.filter(Boolean);
    return filled.length ? filled.map((span) => span.split(/\s*(?:-|–|—|\bto\b|à)\s*/).map(normalizeTime)) : null;
  },
};

export const openings: Codec<Fields> = parts(Object.fromEntries(WEEKDAYS.map((day) => [day, hours as Codec<unknown>])));

/** Return a time such as `9`, `9h30` or `9:30 pm` as the API writes it, `09:00`; what is no time stays. */
export function normalizeTime(draft: string): string {
  const match = /^(\d{1,2})\s*(?:[h:.]\s*(\d{2})?)?\s*(am|pm)?$/i.exec(draft.trim());
  if (!match) return draft.trim();
  const [, hour = "", minute = "00", half] = match;
  const isAfternoon = half?.toLowerCase() === "pm";
  const hour24 = half ? (Number(hour) % 12) + (isAfternoon ? 12 : 0) : Number(hour);
  return `${String(hour24).padStart(2, "0")}:${minute}`;
}

// -- changes -----------------------------------------------------------------------------------------------------

/** Return a value within an object by its path, such as `settings/stays/gapMinutes`. */
export function readPath(fields: Fields, path: string): unknown {
  let value: unknown = fields;
  for (const name of path.split("/")) value = isFilled(value) ? value[name] : undefined;
  return value;
}

/** Return an object with a value at a path. */
export function writePath(fields: Fields, path: string, value: unknown): Fields {
  const [name = "", ...rest] = path.split("/");
  if (!rest.length) return { ...fields, [name]: value };
  const inner = isFilled(fields[name]) ? fields[name] : {};
  return { ...fields, [name]: writePath(inner, rest.join("/"), value) };
}

/** Tell whether two values are the same in JSON, whatever the order of names. */
export function isSame(left: unknown, right: unknown): boolean {
  return JSON.stringify(left, sortNames) === JSON.stringify(right, sortNames);
}

function sortNames(_: string, value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}

function isFilled(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) && Object.keys(value).length > 0;
}

function parseNumber(draft: string): number | string | null {
  const plain = draft.replace(/[\s\u00a0\u202f]/g, "").replace(",", ".");
  if (!plain) return null;
  const value = Number(plain);
  return Number.isFinite(value) ? value : draft;
}
