/** Where the server is: the path of its root, with a slash at the end (`/`, or `/prefix/` behind a proxy). */
export const ROOT = readRoot();

function readRoot(): string {
  const path = document.querySelector('meta[name="okube-root"]')?.getAttribute("content") ?? "/";
  return path.endsWith("/") ? path : `${path}/`;
}
