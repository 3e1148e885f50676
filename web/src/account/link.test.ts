import { expect, it } from "vitest";

import { hideLinkToken, readLinkToken } from "./link";

it.each([
  ["?setup=abc", "", { kind: "setup", token: "abc" }],
  ["?invitation=a%2Bb", "", { kind: "invitation", token: "a+b" }],
  ["?next=%2F", "#invitation=abc", { kind: "invitation", token: "abc" }],
  ["?next=%2F", "#content", null],
])("read the token of %s%s", (search, hash, token) => {
  expect(readLinkToken({ search, hash })).toEqual(token);
});

it("take the token out of the address and keep the rest", () => {
  history.replaceState(null, "", "/login?setup=abc&next=%2Fa#invitation=def");
  hideLinkToken();
  expect(location.pathname + location.search + location.hash).toBe("/login?next=%2Fa");
});
