import { expect, test } from "vitest";

import { frenchCatalogue } from "./catalogue.fr";
import { fr } from "./fr";

/** Return the texts of an object with their paths; of those with values, what they are with the value "9". */
function listTexts(value: unknown, path: string): [string, string][] {
  if (typeof value === "string") return [[path, value]];
  if (typeof value === "function") {
    const values = Array.from({ length: value.length }, () => "9");
    return [[path, String((value as (...values: string[]) => unknown)(...values))]];
  }
  return Object.entries(value as object).flatMap(([name, part]) => listTexts(part, `${path}.${name}`));
}

/** What is to be written as it stands. */
const CODE = /control: true|Authorization: Bearer/g;
const TEXTS = [...listTexts(fr, "fr"), ...listTexts(frenchCatalogue, "catalogue")].map(
  ([path, text]) => [path, text.replace(CODE, "")] as const,
);
const SPACES = "\u00a0\u202f";

test.each([
  ["punctuation after a space that can break, or after none", new RegExp(`(?:[^${SPACES}:;]|^)[:;?!»](?=\\s|$)`, "u")],
  ["a quotation that can break from its mark", new RegExp(`«[^${SPACES}]`, "u")],
  ["a number that can break from its sign", /\d ?%|\d (?:€|\d{3}\b)/u],
  ["three points instead of an ellipsis", /\.\.\./u],
])("no French text has %s", (_, fault) => {
  const faulty = TEXTS.filter(([, text]) => fault.test(text));
  expect(faulty).toEqual([]);
});
