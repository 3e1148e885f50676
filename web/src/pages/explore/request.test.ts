import { expect, test } from "vitest";

import { curlCommand, makeRequest, pythonLiteral, pythonProgram, quoteShell, readFileName } from "./request";

const REQUEST = makeRequest(
  "shop",
  "performance",
  "all",
  { from: "2026-11-01", to: "2026-11-30" },
  {
    params: [{ kpi: "visits", by: ["sites.attributes.région"], fill: true, filters: { "sites.city": ["L'Isle"] } }],
  },
);

test("the request is that of the module, with its period", () => {
  expect(REQUEST.path).toBe("applications/shop/performance/analytics?from=2026-11-01&to=2026-11-30&meta=true");
  const geo = makeRequest("a b", "geo-marketing", "all", { from: "2026-11-01", to: "2026-11-30" }, { params: [] });
  expect(geo.path).toMatch(/^applications\/a%20b\/studies\/all\/geo-marketing\/analytics\?/);
});

test("the command quotes what the shell would read", () => {
  expect(quoteShell("L'Isle")).toBe(`'L'\\''Isle'`);
  expect(curlCommand(REQUEST, "http://host/")).toContain(`"sites.city":["L'\\''Isle"]`);
});

test("values are written as Python writes them", () => {
  expect(pythonLiteral({ a: true, b: [null, 1.5, "é\n"] })).toBe('{"a": True, "b": [None, 1.5, "é\\n"]}');
  const long = pythonLiteral({ name: "x".repeat(60), list: ["y".repeat(60)] });
  expect(long.split("\n").length).toBeGreaterThan(2);
  expect(pythonProgram(REQUEST, "http://host/")).toContain('"fill": True');
});

test.each([
  ['attachment; filename="visits.csv"', "visits.csv"],
  ["attachment; filename*=UTF-8''d%C3%A9c.xlsx; filename=x.xlsx", "déc.xlsx"],
  [null, "answer.csv"],
])("the name of the file in %s is %s", (header, expected) => {
  expect(readFileName(header, "answer.csv")).toBe(expected);
});
