/** What a link to the page of logins brings: the token of an invitation, or of the first administrator. */
export interface LinkToken {
  kind: "invitation" | "setup";
  token: string;
}

/** Return the token in an address: `?setup=...`, `?invitation=...` or, unseen by servers, `#invitation=...`. */
export function readLinkToken({ search, hash }: { search: string; hash: string }): LinkToken | null {
  for (const params of [new URLSearchParams(search), new URLSearchParams(hash.slice(1))])
    for (const kind of ["invitation", "setup"] as const) {
      const token = params.get(kind);
      if (token) return { kind, token };
    }
  return null;
}

/** Take the token out of the address bar and the browser's history. */
export function hideLinkToken(): void {
  const params = new URLSearchParams(location.search);
  params.delete("invitation");
  params.delete("setup");
  const text = params.toString();
  history.replaceState(history.state, "", location.pathname + (text ? `?${text}` : ""));
}
