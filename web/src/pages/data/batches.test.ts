import { expect, test } from "vitest";

import { countUnknownNames, pageBounds, rejectedName } from "./batches";
import type { Batch, Trial } from "./upload";

test.each([
  [0, 1, [0, 0]],
  [3, 1, [0, 3]],
  [60, 1, [35, 60]],
  [60, 3, [0, 10]],
  [60, 4, [0, 0]],
])("of %i batches, page %i", (total, page, bounds) => {
  expect(pageBounds(total, page)).toEqual(bounds);
});

test("count the names that no resource has", () => {
  const line = (site: string, ...fields: (string | null)[]) => ({
    line: 2,
    accepted: false,
    values: { site, user: "k" },
    errors: fields.map((field) => ({ field, message: "No site has this id, key or name." })),
  });
  const lines = [line("M09", "site"), line("M08", "site"), line("M09", "site", null), line("M07", "user")];
  expect(countUnknownNames({ lines } as unknown as Trial)).toEqual([
    { resource: "sites", name: "M09", count: 2 },
    { resource: "sites", name: "M08", count: 1 },
  ]);
});

test("rejected rows of a workbook are CSV", () => {
  const format = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";
  expect(rejectedName({ name: "mai 2024.xlsx", format, kind: "visits" } as Batch)).toBe("mai 2024.rejected.csv");
  expect(rejectedName({ name: null, format: "application/json", kind: "visits" } as Batch)).toBe(
    "visits.rejected.ndjson",
  );
});
