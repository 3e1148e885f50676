/**
 * The data layer: all requests of the page go through here.
 *
 * The types are generated from the OpenAPI document, so that a change of the API fails the type check.
 */
import createClient, { type Middleware } from "openapi-fetch";

import { ROOT } from "~/root";

import { ApiError, readError } from "./errors";
import type { components, paths } from "./schema";

export type Schemas = components["schemas"];

/** An API key that the user has pasted; a login by password has an `HttpOnly` cookie instead. */
let apiKey: string | null = null;
let whenSignedOut: () => void = () => undefined;

/** Where 401 means a wrong password, and the session that there may be goes on. */
const PASSWORD_PATHS = ["/auth/login", "/auth/invitations/accept"];

/** Use an API key for the requests from now on; it is kept in memory only. */
export function setApiKey(key: string | null): void {
  apiKey = key;
  answers.clear();
}

/** Call a function when the server no longer accepts the login. */
export function onSignedOut(callback: () => void): void {
  whenSignedOut = callback;
}

/** Answers of this session by URL and body, with their tags: the server answers 304 when they still hold. */
const answers = new Map<string, { etag: string; text: string; headers: Headers }>();
const KEPT_ANSWERS = 200;

/** Send a request with credentials. Throw ApiError for a failed connection; an error status is the caller's. */
export async function send(path: string, init: RequestInit = {}): Promise<Response> {
  const headers = new Headers(init.headers);
  if (apiKey !== null) headers.set("Authorization", `Bearer ${apiKey}`);
  let response: Response;
  try {
    response = await fetch(path, { ...init, headers, credentials: apiKey === null ? "same-origin" : "omit" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw new ApiError(0, "");
  }
  if (response.status === 401 && !PASSWORD_PATHS.some((end) => path.endsWith(end))) whenSignedOut();
  return response;
}

/** Send a request with credentials. Throw ApiError for a failed connection and for an error status. */
export async function sendChecked(path: string, init: RequestInit = {}): Promise<Response> {
  const response = await send(path, init);
  if (!response.ok) throw await readError(response);
  return response;
}

/**
 * Send a large body, and tell how many bytes have left. Throw ApiError for a failed connection and an AbortError when it
 * is cancelled; an error status is the caller's.
 */
export function sendWithProgress(
  path: string,
  { body, headers, signal, onProgress }: UploadOptions,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest(); // fetch does not tell how much was sent
    request.open("POST", path);
    for (const [name, value] of Object.entries(headers ?? {})) request.setRequestHeader(name, value);
    if (apiKey !== null) request.setRequestHeader("Authorization", `Bearer ${apiKey}`);
    request.upload.addEventListener("progress", (event) => {
      onProgress(event.loaded, event.total);
    });
    request.addEventListener("load", () => {
      if (request.status === 401) whenSignedOut();
      const answerHeaders = new Headers();
      for (const line of request.getAllResponseHeaders().trim().split(/\r?\n/)) {
        const [name, ...value] = line.split(":");
        if (name) answerHeaders.append(name, value.join(":").trim());
      }
      resolve(new Response(request.responseText || null, { status: request.status, headers: answerHeaders }));
    });
    request.addEventListener("error", () => {
      reject(new ApiError(0, ""));
    });
    request.addEventListener("abort", () => {
      reject(new DOMException("Cancelled", "AbortError"));
    });
    signal.addEventListener("abort", () => {
      request.abort();
    });
    request.send(body);
  });
}

interface UploadOptions {
  body: Blob | FormData;
  headers?: Record<string, string>;
  signal: AbortSignal;
  onProgress: (sent: number, total: number) => void;
}

/** Send a request whose answer has a tag; return the earlier answer when the server says that it still holds. */
async function sendCached(request: Request): Promise<Response> {
  const body = request.method === "POST" ? await request.clone().text() : "";
  const key = `${request.method} ${request.url} ${body}`;
  const earlier = answers.get(key);
  const headers = new Headers(request.headers);
  if (earlier) headers.set("If-None-Match", earlier.etag);
  const init: RequestInit = { method: request.method, headers, signal: request.signal };
  if (body) init.body = body;
  const response = await send(request.url, init);
  if (response.status === 304 && earlier) return new Response(earlier.text, { headers: earlier.headers });
  const etag = response.headers.get("ETag");
  if (response.ok && etag) {
    const text = await response.text();
    if (answers.size >= KEPT_ANSWERS) answers.delete(answers.keys().next().value as string);
    answers.delete(key);
    answers.set(key, { etag, text, headers: response.headers });
    return new Response(text, { status: response.status, headers: response.headers });
  }
  return response;
}

const raiseErrors: Middleware = {
  async onResponse({ response }) {
    if (!response.ok) throw await readError(response);
  },
};

/** Typed requests: `api.GET("/applications/{application}/sites", {params: ...})`. They throw ApiError. */
export const api = createClient<paths>({
  baseUrl: new URL(ROOT, location.href).href.replace(/\/$/, ""),
  fetch: (request: Request) => {
    const isQuestion = request.method === "POST" && request.url.includes("/analytics?");
    if (request.method === "GET" || isQuestion) return sendCached(request);
    return request
      .clone()
      .arrayBuffer()
      .then((body) =>
        send(request.url, {
          method: request.method,
          headers: request.headers,
          signal: request.signal,
          ...(body.byteLength ? { body } : {}),
        }),
      );
  },
});
api.use(raiseErrors);

/** Return the path of an API resource below the server's root, each segment encoded. */
export function apiPath(...segments: string[]): string {
  return ROOT + segments.map(encodeURIComponent).join("/");
}
