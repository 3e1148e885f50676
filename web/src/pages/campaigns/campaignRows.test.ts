import { describe, expect, it } from "vitest";

import type { Answer } from "~/api/questions";
import type { Resource } from "~/api/resources";

import {
  type CampaignRow,
  costPerVisit,
  listCampaigns,
  parseLevel,
  parseModel,
  readCampaignRows,
} from "./campaignRows";

const credits = (linear: number, participation: number) => ({ linear, shapley: linear, fc: 1, lc: 2, participation });

function makeAnswer(whole = 6): Answer {
  const element = (kpi: string, scope: string, data: unknown) => ({ kpi, scope, data });
  return {
    results: [
      element("globalLeverPerformance", "globals", {
        all: { cost: 120, costByVisit: 120 / whole, revenues: 300, roi: 1.5 },
      }),
      element("globalLeverPerformance", "campaigns", {
        a: { key: "flyer", name: "Flyer", all: { cost: 90, costByVisit: 18, revenues: 300, roi: 2.3333 } },
        b: { key: "radio", name: "Radio", all: { cost: 30, costByVisit: null, revenues: 0, roi: -1 } },
      }),
      element("offlineVisitsAttributions", "globals", { all: credits(4, 4) }),
      element("offlineVisitsAttributions", "campaigns", { a: { key: "flyer", name: "Flyer", all: credits(2.5, 3) } }),
      element("onlineVisitsAttributions", "globals", { all: credits(2, whole - 4) }),
      element("onlineVisitsAttributions", "campaigns", { a: { key: "flyer", name: "Flyer", all: credits(2, 2) } }),
    ],
    meta: {},
  } as unknown as Answer;
}

const options = { level: "campaigns", model: "linear", unknownName: "Unknown", wholeName: "All" } as const;

describe("readCampaignRows", () => {
  it("adds offline and online visits of the model, and divides the cost by both", () => {
    const [flyer] = readCampaignRows(makeAnswer(), options).rows;
    expect(flyer).toMatchObject({ key: "flyer", cost: 90, visits: 4.5, costPerVisit: 20, revenue: 300 });
    expect(readCampaignRows(makeAnswer(), { ...options, model: "lc" }).rows[0]).toMatchObject({ visits: 4 });
  });

  it("has campaigns that cost without leading to visits", () => {
    expect(readCampaignRows(makeAnswer(), options).rows[1]).toMatchObject({
      name: "Radio",
      visits: 0,
      costPerVisit: null,
    });
  });

  it("takes the whole from the server, not from the rows", () => {
    expect(readCampaignRows(makeAnswer(), options).total).toMatchObject({
      cost: 120,
      visits: 6,
      costPerVisit: 20,
      roi: 1.5,
    });
  });

  it("divides by the model's part of the visits where a filter keeps some campaigns", () => {
    const { total } = readCampaignRows(makeAnswer(8), options); // 8 visits had them in their paths
    expect(total.costPerVisit).toBe(20); // of 6
  });
});

describe("listCampaigns", () => {
  const campaign = (id: string, from: string | null, to: string | null) =>
    ({
      _id: id,
      key: id,
      name: id,
      from,
      to,
      provider: "P",
      _cachedLeverName: "L",
    }) as unknown as Resource<"campaigns">;
  const rows = [{ id: "a", key: "a", name: "a" } as CampaignRow];
  const campaigns = [
    campaign("a", "2026-01-01", "2026-01-31"),
    campaign("open", null, null),
    campaign("late", "2026-03-01", "2026-03-31"),
  ];

  it("adds campaigns that run in the period without figures, and counts the others", () => {
    const { rows: listed, idle } = listCampaigns(rows, campaigns, { from: "2026-01-15", to: "2026-02-15" });
    expect(listed.map(({ id, lever, cost }) => [id, lever, cost])).toEqual([
      ["a", "L", undefined],
      ["open", "L", null],
    ]);
    expect(idle).toBe(1);
  });

  it("only describes the rows without days", () => {
    expect(listCampaigns(rows, campaigns, null)).toMatchObject({ rows: [{ id: "a", provider: "P" }], idle: 0 });
  });
});

it("takes the model and the level from the URL, or the default", () => {
  expect([parseModel("fc"), parseModel("x"), parseLevel("levers"), parseLevel(null)]).toEqual([
    "fc",
    "linear",
    "levers",
    "campaigns",
  ]);
});

it("has no cost per visit without costs or without visits", () => {
  expect([costPerVisit(90, 4.5), costPerVisit(0, 5), costPerVisit(90, 0), costPerVisit(null, 5)]).toEqual([
    20,
    null,
    null,
    null,
  ]);
});
