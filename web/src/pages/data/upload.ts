/** Requests about files: previews, dry runs, and files that are sent. */
import { apiPath, type Schemas, send, sendWithProgress } from "~/api/client";
import { readError } from "~/api/errors";

import { cutElements, cutLines, type FileHead } from "./heads";
import { isTable } from "./kinds";
import { type Choices, type Preview, previewQuery, type ReadingOptions, writeOptions } from "./mapping";

export type Batch = Required<Schemas["BatchAnswer"]>;
export type Imported = Schemas["ImportAnswer"];
export type Trial = Schemas["DryRunAnswer"];

/** What came of a file that was sent: a batch of events, or counts of resources. */
export type Sent = { batch: Batch } | { imported: Imported };

async function readAnswer<T>(response: Response): Promise<T> {
  if (!response.ok) throw await readError(response);
  return (await response.json()) as T;
}

/** Return the preview of a file. `fields` are those of the chosen kind. */
export async function requestPreview(
  application: string,
  head: FileHead,
  choices: Choices,
  fields: readonly string[],
  signal?: AbortSignal,
): Promise<Preview> {
  const query = previewQuery(choices, fields, head.isPartial);
  const path = `${apiPath("applications", application, "files", "preview")}?${query.toString()}`;
  return readAnswer(
    await send(path, {
      method: "POST",
      body: head.bytes,
      headers: { "Content-Type": "application/octet-stream" },
      ...(signal ? { signal } : {}),
    }),
  );
}

const CSV = "text/csv";
const NDJSON = "application/x-ndjson";
const JSON_ARRAY = "application/json";
const XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

/** Return whether files of a format can be sent as this kind: tables are CSV or workbooks. */
export function canSend(kind: string, format: string): boolean {
  return !isTable(kind) || format === CSV || format === XLSX;
}

function tablePath(application: string, kind: string): string {
  return kind === "sites"
    ? apiPath("applications", application, "sites", "import")
    : apiPath("applications", application, kind);
}

interface Request {
  path: string;
  body: Blob | FormData;
  headers: Record<string, string>;
}

function buildRequest(
  application: string,
  content: Blob,
  name: string,
  options: ReadingOptions,
  query: Record<string, string>,
): Request {
  if (isTable(options.kind)) {
    const form = new FormData();
    for (const [field, value] of writeOptions(options)) form.append(field, value);
    if (options.hasIds) form.append("mapper[id]", "true");
    form.append("file", content, name);
    const params = new URLSearchParams({ partial: "true", ...query });
    return { path: `${tablePath(application, options.kind)}?${params.toString()}`, body: form, headers: {} };
  }
  const params = new URLSearchParams([...writeOptions(options), ...Object.entries(query)]);
  return {
    path: `${apiPath("applications", application, "ingest", options.kind)}?${params.toString()}`,
    body: content,
    headers: { "Content-Type": options.format },
  };
}

/** Return what the server makes of the first rows of a file; of workbooks and Parquet files, of all. */
export async function tryRows(
  application: string,
  file: File,
  head: FileHead,
  options: ReadingOptions,
  signal?: AbortSignal,
): Promise<Trial> {
  const content = cutContent(file, head, options);
  const { path, body, headers } = buildRequest(application, content, file.name, options, { dryRun: "true" });
  return readAnswer(await send(path, { method: "POST", body, headers, ...(signal ? { signal } : {}) }));
}

function cutContent(file: File, head: FileHead, { format, encoding }: ReadingOptions): Blob {
  const cut = { encoding: encoding ?? "utf-8" };
  if (format === CSV) return new Blob([cutLines(head, cut)]);
  if (format === NDJSON) return new Blob([cutLines(head, { ...cut, hasHeader: false })]);
  return format === JSON_ARRAY && !cut.encoding.startsWith("utf-16") ? new Blob([cutElements(head)]) : file;
}

interface SendOptions {
  key: string;
  signal: AbortSignal;
  onProgress: (sent: number, total: number) => void;
}

/**
 * Send a whole file, and return what came of it; a batch of events may still be waiting to count.
 *
 * The `key` makes the server carry out a repeated request once.
 */
export async function sendFile(
  application: string,
  file: File,
  options: ReadingOptions,
  { key, signal, onProgress }: SendOptions,
): Promise<Sent> {
  const isEvents = !isTable(options.kind);
  const query: Record<string, string> = isEvents ? { wait: "false", name: file.name.slice(-250) } : {};
  const { path, body, headers } = buildRequest(application, file, file.name, options, query);
  const response = await sendWithProgress(path, {
    body,
    headers: { ...headers, "Idempotency-Key": key },
    signal,
    onProgress,
  });
  if (isEvents && response.status === 422) {
    const problem = (await response.clone().json()) as Batch & { code?: string };
    if (problem.code === "nothing_accepted") return { batch: problem };
  }
  const answer = await readAnswer<Batch | Imported>(response);
  return isEvents ? { batch: answer as Batch } : { imported: answer as Imported };
}

/** Return a key that no other request has. */
export function makeKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID needs HTTPS
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
