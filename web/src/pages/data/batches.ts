/** Batches: the files of events that were sent. */
import { apiPath, sendChecked } from "~/api/client";
import { listDocuments, type Page } from "~/api/documents";

import type { ReadingOptions } from "./mapping";
import { writeOptions } from "./mapping";
import type { Batch, Trial } from "./upload";
import { REFERENCES } from "./kinds";

export const PAGE_SIZE = 25;

export interface BatchPage {
  batches: Batch[];
  total: number;
}

function batchPath(application: string, ...segments: string[]): string {
  return apiPath("applications", application, "ingest", ...segments);
}

function readPage(application: string, page: number, size: number, signal: AbortSignal): Promise<Page<Batch>> {
  return listDocuments<Batch>(batchPath(application), { page, per_page: size }, signal);
}

/** Return a page of batches, the latest first; the server has the oldest first. `page` counts from 1. */
export async function listBatches(application: string, page: number, signal: AbortSignal): Promise<BatchPage> {
  const { total } = await readPage(application, 1, 0, signal);
  const [first, end] = pageBounds(total, page);
  if (first >= end) return { batches: [], total };
  const numbers = [Math.floor(first / PAGE_SIZE) + 1, Math.ceil(end / PAGE_SIZE)];
  const pages = await Promise.all(
    [...new Set(numbers)].map((number) => readPage(application, number, PAGE_SIZE, signal)),
  );
  const offset = ((numbers[0] as number) - 1) * PAGE_SIZE;
  const batches = pages.flatMap(({ documents }) => documents).slice(first - offset, end - offset);
  return { batches: batches.reverse(), total };
}

/** Return the positions of the first batch of a page and of the one after its last, counted from the oldest. */
export function pageBounds(total: number, page: number): [number, number] {
  const end = Math.max(0, total - PAGE_SIZE * (page - 1));
  return [Math.max(0, end - PAGE_SIZE), end];
}

/** Return a batch. */
export async function getBatch(application: string, id: string, signal?: AbortSignal): Promise<Batch> {
  const response = await sendChecked(batchPath(application, id), signal ? { signal } : {});
  return (await response.json()) as Batch;
}

/** Delete a batch, its events and what was derived from them. */
export async function deleteBatch(application: string, id: string): Promise<void> {
  await sendChecked(batchPath(application, id), { method: "DELETE" });
}

/** Return whether the server still works on a batch. */
export function isUnfinished({ state }: Batch): boolean {
  return state === "receiving" || state === "waiting" || state === "removing";
}

/** Return the rejected lines of a batch as they were sent. */
export async function getRejected(application: string, id: string, signal?: AbortSignal): Promise<Blob> {
  const response = await sendChecked(batchPath(application, id, "rejected"), signal ? { signal } : {});
  return response.blob();
}

/** Return the name for a file with the rejected lines of a batch. */
export function rejectedName({ name, format, kind }: Batch): string {
  const isCsv = format === "text/csv" || format?.endsWith(".sheet");
  const stem = (name ?? kind).replace(/\.[a-z0-9]{1,8}$/i, "");
  return `${stem}.rejected.${isCsv ? "csv" : "ndjson"}`;
}

/** A resource that a file names, but that the application does not have. */
export interface UnknownName {
  /** Kind of resource, such as `sites`. */
  resource: string;
  name: string;
  count: number;
}

/**
 * Return the names in the rejected lines of a batch that are no resources, the most frequent first.
 *
 * The server reads the lines again, by the options of the file.
 */
export async function findUnknownNames(
  application: string,
  batch: Batch,
  options: ReadingOptions,
  signal: AbortSignal,
): Promise<UnknownName[]> {
  const lines = await getRejected(application, batch._id, signal);
  const isCsv = lines.type.startsWith("text/csv");
  const params = new URLSearchParams([
    ...writeOptions({
      ...options,
      encoding: "utf-8",
      delimiter: isCsv ? (options.delimiter ?? ";") : null,
      sheet: null,
    }),
    ["dryRun", "true"],
  ]);
  const response = await sendChecked(`${batchPath(application, batch.kind)}?${params.toString()}`, {
    method: "POST",
    body: lines,
    headers: { "Content-Type": isCsv ? "text/csv" : "application/x-ndjson" },
    signal,
  });
  return countUnknownNames((await response.json()) as Trial);
}

/** Return the names of resources that a trial does not know. */
export function countUnknownNames(trial: Trial): UnknownName[] {
  const names = new Map<string, UnknownName>();
  for (const { values, errors } of trial.lines)
    for (const { field } of errors) {
      const resource = REFERENCES[field ?? ""];
      const name = resource && values[field as string];
      if (typeof name !== "string" && typeof name !== "number") continue;
      const id = `${resource} ${name}`;
      const count = (names.get(id)?.count ?? 0) + 1;
      names.set(id, { resource: resource as string, name: String(name), count });
    }
  return [...names.values()].sort((left, right) => right.count - left.count);
}
