/** Mappings of earlier files with the same columns, kept in the browser; they have names of columns, and no values. */
import { readStored, writeStored } from "~/state/storage";

import type { Choices, Mapping } from "./mapping";

const STORED = "mappings";
const MOST = 100;

/** How the last file of a kind with these columns was read. */
export interface Remembered extends Mapping {
  kind: string;
  timezone?: string;
  dates?: string;
}

interface Entry extends Remembered {
  application: string;
  columns: string;
}

function readEntries(): Entry[] {
  try {
    const entries: unknown = JSON.parse(readStored(STORED) ?? "[]");
    return Array.isArray(entries) ? (entries as Entry[]) : [];
  } catch {
    return [];
  }
}

function columnsId(columns: readonly string[]): string {
  return JSON.stringify([...columns].sort());
}

/** Return how files of an application with these columns were read, the latest first. */
export function recallMappings(application: string, columns: readonly string[]): Remembered[] {
  const id = columnsId(columns);
  return readEntries().filter((entry) => entry.application === application && entry.columns === id);
}

/** Remember how a file of an application with these columns was read. */
export function rememberMapping(application: string, columns: readonly string[], remembered: Remembered): void {
  const entry: Entry = { application, columns: columnsId(columns), ...remembered };
  const others = readEntries().filter(
    (other) => other.application !== application || other.columns !== entry.columns || other.kind !== entry.kind,
  );
  writeStored(STORED, JSON.stringify([entry, ...others].slice(0, MOST)));
}

/** Return the choices that a remembered mapping makes. */
export function recallChoices({ kind, mapper, times, units, timezone, dates }: Remembered): Choices {
  return {
    kind,
    mapping: { mapper, times, units },
    ...(timezone ? { timezone } : {}),
    ...(dates ? { dates } : {}),
  };
}
