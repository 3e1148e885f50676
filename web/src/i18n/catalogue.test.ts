import { expect, test } from "vitest";

import type { Kpi } from "~/api/questions";
import { makeKpi } from "~/pages/explore/fixtures";

import { loadCatalogueTexts, makeFormulaTranslator, translateKpis } from "./catalogue";
import english from "./catalogue.en.json";
import { frenchCatalogue } from "./catalogue.fr";
import { en } from "./en";
import { fr } from "./fr";

const CATALOGUE = english.map((texts) => makeKpi(texts as Partial<Kpi>));
const FORMULAS = [...new Set(CATALOGUE.flatMap((kpi) => kpi.formula))];
const VOCABULARY = { ...fr.explore.leafItems, ...fr.explore.fields, ...fr.explore.kpis, ...frenchCatalogue.phrases };

test("the French texts are of the KPIs of the catalogue", () => {
  expect(Object.keys(frenchCatalogue.kpis).sort()).toEqual(CATALOGUE.map((kpi) => `${kpi.module}/${kpi.kpi}`).sort());
});

test("every KPI has a French name", () => {
  expect(CATALOGUE.filter((kpi) => !(kpi.kpi in fr.explore.kpis)).map((kpi) => kpi.kpi)).toEqual([]);
});

test("every formula has only words of the French vocabulary", () => {
  const translate = makeFormulaTranslator(VOCABULARY);
  expect(FORMULAS.filter((line) => translate(line) === null)).toEqual([]);
});

test("every phrase is in a formula", () => {
  const translate = makeFormulaTranslator(VOCABULARY);
  const unused = Object.keys(frenchCatalogue.phrases).filter((phrase) => {
    const others = Object.fromEntries(Object.entries(VOCABULARY).filter(([key]) => key !== phrase));
    const translateWithout = makeFormulaTranslator(others);
    return FORMULAS.every((line) => translate(line) === translateWithout(line));
  });
  expect(unused).toEqual([]);
});

test("KPIs are translated", async () => {
  const kpi = makeKpi({
    kpi: "averageBasket",
    formula: ["sales ÷ purchases", "by sites: number of visits", "the moon ÷ sales"],
  });
  const [translated] = translateKpis([kpi], await loadCatalogueTexts("fr"), fr.explore);
  expect(translated).toEqual({
    ...kpi,
    meaning: "Ce que rapporte un achat en moyenne.",
    description: "Chiffre d'affaires par achat.",
    formula: ["Chiffre d'affaires ÷ Achats", "par site\u00a0: nombre de visites", "the moon ÷ sales"],
  });
});

test("the catalogue is in English already", async () => {
  expect(translateKpis(CATALOGUE, await loadCatalogueTexts("en"), en.explore)).toBe(CATALOGUE);
});
