import { describe, expect, it } from "vitest";

import type { Answer } from "~/api/questions";
import type { Resource } from "~/api/resources";

import { listGroupings, readRows } from "./rankings";

const answer = {
  results: [
    {
      kpi: "visits",
      scope: "sites",
      data: { a: { key: "lyon", name: "Lyon", all: 12 }, unknown: { all: 3 } },
      comparisons: [
        {
          data: { a: { key: "lyon", name: "Lyon", all: 10 }, b: { key: "metz", name: "Metz", all: 5 } },
          change: { a: { all: 0.2 }, b: { all: -1 }, unknown: { all: null } },
        },
      ],
    },
  ],
  meta: {},
} as unknown as Answer;

describe("readRows", () => {
  it("has what stopped since the other period, and names what is unknown", () => {
    expect(readRows(answer, "sites", { unknownName: "Unknown", missing: 0 })).toEqual([
      { id: "a", key: "lyon", name: "Lyon", value: 12, changed: 0.2 },
      { id: "unknown", key: "unknown", name: "Unknown", value: 3, changed: null },
      { id: "b", key: "metz", name: "Metz", value: 0, changed: -1 },
    ]);
  });

  it("leaves averages of what has no data unknown", () => {
    expect(readRows(answer, "sites", { unknownName: "", missing: null }).at(-1)?.value).toBeNull();
    expect(readRows(answer, "sites.tags", { unknownName: "", missing: null })).toEqual([]);
  });
});

describe("listGroupings", () => {
  const site = (city: string, attributes: Record<string, unknown>, tags: string[] = []) =>
    ({ address: { city, country: "France", postalCode: "69001" }, attributes, tags }) as unknown as Resource<"sites">;

  it("lists attributes first, regions before others, and only what tells sites apart", () => {
    const sites = [
      site("Lyon", { format: "big", region: "South" }, ["new"]),
      site("Lyon", { format: "small", region: "South" }, ["new"]),
      site("Lille", { format: "small", region: "North" }),
    ];
    expect(listGroupings(sites).map(({ name }) => name)).toEqual([
      "sites.attributes.region",
      "sites.attributes.format",
      "sites.city",
    ]);
  });

  it("is empty for a single site", () => {
    expect(listGroupings([site("Lyon", { region: "South" })])).toEqual([]);
  });
});
