/** Where the server is: the path of its root, with a slash at the end (`/`, or `/prefix/` behind a proxy). */
export const ROOT = readRoot();

/** Whether the server has the manual. */
export const HAS_MANUAL = readMeta("okube-manual") !== "no";

function readMeta(name: string): string | null {
  return document.querySelector(`meta[name="${name}"]`)?.getAttribute("content") ?? null;
}

function readRoot(): string {
  const path = readMeta("okube-root") ?? "/";
  return path.endsWith("/") ? path : `${path}/`;
}
