import { expect, test } from "vitest";

import { en } from "~/i18n/en";
import { fr } from "~/i18n/fr";

import { makeKpi } from "./fixtures";
import { findKpis, kpiMeaning } from "./labels";

const VISITS = makeKpi();
const SALES = makeKpi({ kpi: "sales", description: "Amounts less refunds.", meaning: "What all people spent." });

test("the meaning of a KPI is that of the catalogue, which is in English", () => {
  expect(kpiMeaning(VISITS, en.explore)).toBe("How often people came.");
  expect(kpiMeaning(VISITS, fr.explore)).toBeNull();
});

test.each([
  ["", [VISITS, SALES]],
  ["SPENT people", [SALES]],
  ["refunds", [SALES]],
  ["people", [VISITS, SALES]],
  ["people nowhere", []],
])("a search for '%s' reads names, meanings and definitions", (text, found) => {
  expect(findKpis([VISITS, SALES], text, en.explore)).toEqual(found);
});

test("a search finds only what the language shows", () => {
  expect(findKpis([SALES], "spent", fr.explore)).toEqual([]);
});
