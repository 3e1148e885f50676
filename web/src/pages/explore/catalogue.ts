/** What the catalogue (`GET /analytics/kpis`) allows, and why not. */
import type { Granularity, Kpi } from "~/api/questions";
import type { Days } from "~/api/questions";
import { countDays } from "~/state/days";

/** Most days of a histogram by hour, as the server has it by default. */
const MOST_HOUR_DAYS = 92;

/** Return the grouping as the catalogue has it: attributes and extras are one entry for all names. */
function catalogueName(grouping: string): string {
  if (grouping.startsWith("sites.attributes.")) return "sites.attributes.<name>";
  if (grouping.startsWith("extras.")) return "extras.<name>";
  return grouping;
}

/** Why a grouping cannot be chosen: the KPI has none such, it is chosen already, or the two are not known together. */
export type Refusal = "kpi" | "same" | "pair";

/** Return why a KPI cannot be grouped so, beside another grouping; `null` when it can. */
export function refuseGrouping(kpi: Kpi, grouping: string, first?: string): Refusal | null {
  const name = catalogueName(grouping);
  if (!Object.hasOwn(kpi.by, name)) return "kpi";
  if (first === undefined) return null;
  if (first === grouping) return "same";
  const other = catalogueName(first);
  const isImpossible = kpi.impossiblePairs.some(
    ({ by: [left, right] }) => (left === name && right === other) || (left === other && right === name),
  );
  return isImpossible && !(name === other && name.includes("<name>")) ? "pair" : null;
}

/** Tell whether a KPI can be grouped so, beside another grouping. */
export function canGroup(kpi: Kpi, grouping: string, first?: string): boolean {
  return refuseGrouping(kpi, grouping, first) === null;
}

/** Why a granularity cannot be chosen. */
export type GrainRefusal = "kpi" | "calendar" | "hours";

/** Return why a granularity cannot be chosen; `null` when it can. */
export function refuseGrain(
  kpi: Kpi,
  mode: "histogram" | "aggregation",
  grain: Granularity,
  { days, hasFiscalCalendar }: { days: Days; hasFiscalCalendar: boolean },
): GrainRefusal | null {
  if (!kpi.granularities[mode]?.includes(grain)) return "kpi";
  if (grain.startsWith("fiscal") && !hasFiscalCalendar) return "calendar";
  if (grain === "hour" && mode === "histogram" && countDays(days) > MOST_HOUR_DAYS) return "hours";
  return null;
}

/** Tell whether a granularity can be chosen. */
export function isGrainOffered(
  kpi: Kpi,
  mode: "histogram" | "aggregation",
  grain: Granularity,
  context: { days: Days; hasFiscalCalendar: boolean },
): boolean {
  return refuseGrain(kpi, mode, grain, context) === null;
}

/** Tell whether the values by these groupings add up to the whole. */
export function sumsToWhole(kpi: Kpi, by: readonly string[]): boolean {
  return by.every((name) => kpi.by[catalogueName(name.replace(/:\d+$/, ""))]?.sumsToWhole === true);
}

/** Tell whether the values by a grouping can have an entry for all others. */
export function hasOthersEntry(kpi: Kpi, grouping: string): boolean {
  return kpi.options.includes("others") && kpi.by[catalogueName(grouping)]?.others === true;
}

/** Groups of KPIs in the list, in its order. */
export const TOPICS = [
  "visits",
  "visitors",
  "sales",
  "delivery",
  "cost",
  "models",
  "cohorts",
  "places",
  "devices",
  "distributions",
] as const;
export type Topic = (typeof TOPICS)[number];

const RULES: [RegExp, Topic][] = [
  [/^cohort/, "cohorts"],
  [/Attributions$|Linear$|Shapley$|FC$|LC$|PerCampaign$|^comparison|^printVs/, "models"],
  [/^cost|[rR]oi$/, "cost"],
  [/^(ctr|prints|clicks|openings|printsBy.*|venueRate|globalLever.*)$/, "delivery"],
  [/[rR]evenue|[sS]ales|[pP]urchase|[cC]onversion|[bB]asket|^refunds/, "sales"],
  [/^(os|model|manufacturer)$/, "devices"],
  [/[pP]oi|posAffinity|areaMatching|visitOrder/, "places"],
  [
    /^(uniqUsers|acquisition|returning|visitors|newVisitorShare|visitFrequency|sharedVisitors|visitorVs.*)$/,
    "visitors",
  ],
];

/** Return the topic of a KPI, by its name: the catalogue has none. */
export function topicOf(kpi: Kpi): Topic {
  if (kpi.leaf === "DIST") return "distributions";
  if (kpi.kpi.endsWith("VisitsAndConversions") && !kpi.kpi.startsWith("cohort")) return "visits";
  return RULES.find(([pattern]) => pattern.test(kpi.kpi))?.[1] ?? "visits";
}
