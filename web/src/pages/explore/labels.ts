/** Names of KPIs, groupings, items and fields in the language of the page. */
import type { Kpi, Leaf } from "~/api/questions";
import type { Formats } from "~/format/formats";
import { filterName } from "~/frame/FilterBar";
import type { Texts } from "~/i18n/en";

import { LEFT } from "./leaves";
import { parseGrouping } from "./state";

type ExploreTexts = Texts["explore"];

/** Return the name of a KPI; of one that the texts do not know, its name in the API in words. */
export function kpiName(kpi: Kpi, texts: ExploreTexts): string {
  const words = kpi.kpi.replace(/([A-Z])/g, " $1").toLowerCase();
  return texts.kpis[kpi.kpi] ?? words.charAt(0).toUpperCase() + words.slice(1);
}

/** Return the KPIs whose name, meaning or definition has all words of a text. */
export function findKpis(kpis: readonly Kpi[], text: string, texts: ExploreTexts): Kpi[] {
  const words = text.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return kpis.filter((kpi) => {
    const searched = [kpiName(kpi, texts), kpi.kpi, kpi.meaning, kpi.description].join(" ").toLocaleLowerCase();
    return words.every((word) => searched.includes(word));
  });
}

/** Return what a unit measures. */
export function unitName(unit: string, texts: ExploreTexts): string {
  return (texts.units as Record<string, string>)[unit] ?? unit;
}

/** Return the name of a field of a KPI's values. */
export function fieldName(id: string, texts: ExploreTexts): string {
  return (texts.fields as Record<string, string>)[id] ?? id;
}

/** Return the name of a grouping. */
export function groupingName(text: string, texts: Texts): string {
  const { of, digits } = parseGrouping(text);
  const plain = filterName(of, texts.filters);
  const name = plain.charAt(0).toLocaleUpperCase() + plain.slice(1);
  return digits === undefined ? name : texts.explore.digits(name, digits);
}

/** Return the name of a band of a distribution, such as "5–15 min" or "2 h and more". */
function bandName(
  from: number,
  to: number | null,
  unit: string,
  isWhole: boolean,
  { formats, texts, currency }: { formats: Formats; texts: ExploreTexts; currency: string },
): string {
  const value = (bound: number) => formats.short(bound, unit, currency);
  if (to === null) return texts.atLeast(value(from));
  if (isWhole) return to - from === 1 ? value(from) : `${formats.count(from)}–${value(to - 1)}`;
  if (from === 0) return texts.below(value(to));
  return `${value(from)} – ${value(to)}`;
}

/** Return a function that names the items of a KPI's values: bands, models, campaigns ... */
export function itemNamer(
  kpi: Kpi,
  resources: ReadonlyMap<string, string>,
  context: { formats: Formats; texts: ExploreTexts; currency: string },
): (key: string, sample: Leaf | undefined) => string | undefined {
  const { texts } = context;
  return (key, sample) => {
    if (kpi.leaf === "DIST") {
      const [from = "", to = ""] = key.split("..");
      const shape = typeof sample === "object" && sample ? sample : {};
      const unit = String(shape["unit"] ?? "n");
      const isWhole = unit === "n" || shape["measure"] === "intervals"; // the others are measured, not counted
      return bandName(Number(from), to === "" ? null : Number(to), unit, isWhole, context);
    }
    if (kpi.leaf === "ORD" && key === LEFT) return texts.leftSite;
    if (kpi.leaf === "ORD" && /^\d+$/.test(key)) return texts.rank(key);
    return (texts.leafItems as Record<string, string>)[key] ?? resources.get(key);
  };
}
