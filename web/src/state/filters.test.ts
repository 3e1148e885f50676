import { expect, it } from "vitest";

import { hasFilter, parseFilters, questionFilters, writeFilters } from "./filters";

it("reads and writes filters of the URL, each value once", () => {
  const params = new URLSearchParams(
    "period=last-week&f.sites=paris&f.sites=lyon&f.sites=paris&f.campaigns.provider=A%26B",
  );
  const filters = parseFilters(params);
  expect(filters).toEqual({ sites: ["paris", "lyon"], "campaigns.provider": ["A&B"] });

  writeFilters(params, { weekdays: ["6"] });
  expect(params.toString()).toBe("period=last-week&f.weekdays=6");
});

it("gives a question only the filters that its module has", () => {
  const filters = { "sites.attributes.region": ["Bretagne"], campaigns: ["summer"], weekdays: ["6", "7"] };
  expect(questionFilters(filters, "performance")).toEqual({
    "sites.attributes.region": ["Bretagne"],
    weekdays: [6, 7],
  });
  expect(questionFilters(filters, "conversion")).toEqual({ ...filters, weekdays: [6, 7] });
  expect(questionFilters({ campaigns: ["summer"] }, "presence")).toBeUndefined();
});

it.each([
  ["performance", "channels", true],
  ["presence", "equipments.type", true],
  ["geo-marketing", "pois.tags", true],
  ["conversion", "extras.audience", true],
  ["performance", "pois", false],
  ["geo-marketing", "channels", false],
] as const)("knows whether %s has the filter %s", (module, name, isKnown) => {
  expect(hasFilter(module, name)).toBe(isKnown);
});
