import { expect, test } from "vitest";

import { en } from "~/i18n/en";

import { makeKpi } from "./fixtures";
import { findKpis } from "./labels";

const VISITS = makeKpi();
const SALES = makeKpi({ kpi: "sales", description: "Amounts less refunds.", meaning: "What all people spent." });

test.each([
  ["", [VISITS, SALES]],
  ["SPENT people", [SALES]],
  ["refunds", [SALES]],
  ["people", [VISITS, SALES]],
  ["people nowhere", []],
])("a search for '%s' reads names, meanings and definitions", (text, found) => {
  expect(findKpis([VISITS, SALES], text, en.explore)).toEqual(found);
});
