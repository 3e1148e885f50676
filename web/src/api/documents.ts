/** Any resource of the API as a document: read with its tag, created, changed and deleted under the tag. */
import { sendChecked } from "./client";

/** Fields of a resource by their names in JSON. */
export type Fields = Record<string, unknown>;

export interface Tagged {
  document: Fields;
  /** Names the version that was read; a change that sends it fails (412) when there is a newer one. */
  etag: string | null;
}

/** Return a resource and its tag. */
export async function readDocument(path: string, signal?: AbortSignal): Promise<Tagged> {
  return readTagged(await sendJson("GET", path, undefined, signal ? { signal } : {}));
}

/** Create a resource; return it and its tag. */
export async function createDocument(path: string, fields: Fields): Promise<Tagged> {
  return readTagged(await sendJson("POST", path, fields));
}

/** Change fields of a resource, if it still has the tag; return it and its new tag. */
export async function patchDocument(path: string, fields: Fields, etag: string | null = null): Promise<Tagged> {
  return readTagged(await sendJson("PATCH", path, fields, { headers: etag ? { "If-Match": etag } : {} }));
}

/** Delete a resource, if it still has the tag. */
export async function deleteDocument(path: string, etag: string | null = null): Promise<void> {
  await sendJson("DELETE", path, undefined, { headers: etag ? { "If-Match": etag } : {} });
}

/** Parameters of a list; lists are repeated ones. */
export type ListQuery = Record<string, string | number | readonly string[]>;

/** Some documents of a list, and how many it has. */
export interface Page<T> {
  documents: T[];
  total: number;
}

/** Return a page of documents. */
export async function listDocuments<T = Fields>(
  path: string,
  query: ListQuery,
  signal?: AbortSignal,
): Promise<Page<T>> {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    for (const one of typeof value === "object" ? value : [value]) params.append(name, String(one));
  const response = await sendJson("GET", `${path}?${params.toString()}`, undefined, signal ? { signal } : {});
  const body = (await response.json()) as { documents: T[]; _$paginated: { total: number } };
  return { documents: body.documents, total: body["_$paginated"].total };
}

async function sendJson(method: string, path: string, body?: unknown, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (body !== undefined) headers.set("Content-Type", "application/json");
  return sendChecked(path, {
    ...init,
    method,
    headers,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
}

async function readTagged(response: Response): Promise<Tagged> {
  const document = (response.status === 204 ? {} : await response.json()) as Fields;
  return { document, etag: response.headers.get("ETag") };
}
