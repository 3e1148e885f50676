/** The KPI catalogue in the language of the page; the server's is in English. */
import type { Kpi } from "~/api/questions";

import type { Texts } from "./en";
import type { Language } from "./language";

/** Translations of the texts of the catalogue. */
export interface CatalogueTexts {
  /** Meanings and definitions, by `module/kpi`. */
  kpis: Record<string, { meaning: string; description: string }>;
  /** Parts of formulas by their English words, besides names of KPIs and fields. */
  phrases: Record<string, string>;
}

/** What a formula has besides phrases: functions, indices, operators and numbers. */
const MATHEMATICS = /^(?:exp|ln|[ij]|[^\p{L}])*$/u;

/** Return the translations into a language; `null` for the language of the catalogue. */
export async function loadCatalogueTexts(language: Language): Promise<CatalogueTexts | null> {
  return language === "fr" ? (await import("./catalogue.fr")).frenchCatalogue : null;
}

/** Return KPIs with translated texts; texts without a translation stay in English. */
export function translateKpis(
  kpis: readonly Kpi[],
  translations: CatalogueTexts | null,
  { kpis: names, fields, leafItems }: Texts["explore"],
): readonly Kpi[] {
  if (!translations) return kpis;
  const translate = makeFormulaTranslator({ ...leafItems, ...fields, ...names, ...translations.phrases });
  return kpis.map((kpi) => ({
    ...kpi,
    ...translations.kpis[`${kpi.module}/${kpi.kpi}`],
    formula: kpi.formula.map((line) => translate(line) ?? line),
  }));
}

/** Return a function that translates a line of a formula, or returns `null` if it has words that are no phrases. */
export function makeFormulaTranslator(phrases: Readonly<Record<string, string>>): (line: string) => string | null {
  const longestFirst = Object.keys(phrases).sort((one, other) => other.length - one.length);
  const alternatives = longestFirst.map((phrase) => phrase.replace(/[.`+]/g, "\\$&"));
  const pattern = new RegExp(`(?<![\\w.])(?:${alternatives.join("|")})(?![\\w.])`, "g");
  return (line) => {
    if (!MATHEMATICS.test(line.replace(pattern, ""))) return null;
    return line.replace(pattern, (phrase) => phrases[phrase] ?? phrase).replace(/(?<=\S)(?=[:;] )/g, "\u00a0");
  };
}
