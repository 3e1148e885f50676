/** The six figures of the overview, and which module gives each: that depends on what data an application has. */
import type { Answer, Comparison, Element, Leaf, Module, Param, Values } from "~/api/questions";
import type { Unit } from "~/format/formats";
import type { Grain, TimeBucket } from "~/plots/timeline";

export const FIGURES = ["visits", "visitors", "dwell", "sales", "conversion", "cost"] as const;
export type FigureId = (typeof FIGURES)[number];

/** Where a figure comes from: measured visits, sensors, the panel, or campaigns. */
export type Source = "performance" | "presence" | "panel" | "attributed" | "total";

export interface Definition {
  source: Source;
  module: Module;
  kpi: string;
  unit: Unit;
}

/** For each figure the ways to get it, the best first. */
const DEFINITIONS: Record<FigureId, readonly Definition[]> = {
  visits: [
    { source: "performance", module: "performance", kpi: "visits", unit: "n" },
    { source: "presence", module: "presence", kpi: "sessions", unit: "n" },
    { source: "panel", module: "geo-marketing", kpi: "posSessions", unit: "n" },
  ],
  visitors: [
    { source: "performance", module: "performance", kpi: "visitors", unit: "n" },
    { source: "presence", module: "presence", kpi: "uniqUsers", unit: "n" },
    { source: "panel", module: "geo-marketing", kpi: "uniqUsers", unit: "n" },
  ],
  dwell: [
    { source: "presence", module: "presence", kpi: "timespent", unit: "s" },
    { source: "panel", module: "geo-marketing", kpi: "timespent", unit: "s" },
  ],
  sales: [{ source: "performance", module: "performance", kpi: "sales", unit: "EUR" }],
  conversion: [{ source: "performance", module: "performance", kpi: "conversionRate", unit: "1" }],
  cost: [{ source: "attributed", module: "conversion", kpi: "costByVisit", unit: "EUR" }],
};

/** Whether more of a figure is good. */
export const GOOD: Record<FigureId, "more" | "less" | "neither"> = {
  visits: "more",
  visitors: "more",
  dwell: "neither",
  sales: "more",
  conversion: "more",
  cost: "less",
};

/** The KPIs by which it is known on which days a module has data. */
export const MEASURES: Record<Module, readonly string[]> = {
  performance: ["visits", "sales"],
  presence: ["sessions"],
  "geo-marketing": ["posSessions"],
  conversion: [], // costs and deliveries are not there on every day
};

/** Return the KPI whose days with data are those of a figure; purchases for conversion, as visits come before them. */
export function measureOf({ module, kpi }: Definition): string {
  return kpi === "sales" || kpi === "conversionRate" ? "sales" : (MEASURES[module][0] ?? kpi);
}

/** Return the question about all figures of a module. */
export function figureParams(module: Module, grain: Grain): Param[] {
  const kpis = Object.values(DEFINITIONS)
    .flat()
    .filter((definition) => definition.module === module)
    .map(({ kpi }) => kpi);
  if (module === "conversion") kpis.push("cost");
  return kpis.map((kpi) => ({ kpi, granularity: grain }));
}

export interface Figure extends Definition {
  id: FigureId;
  value: number | null;
  /** Change of the value: relative, or the difference of rates. */
  changed: number | null;
  changeKind: "relative" | "difference";
  /** By bucket of the period, and of the other period. */
  values: (number | null)[];
  compared: (number | null)[] | undefined;
  comparison: Comparison | undefined;
}

/** A figure with its buckets; values of buckets that are ahead are unknown instead of 0. */
export interface TimedFigure extends Figure {
  grain: Grain;
  buckets: TimeBucket[];
  /** Whether there is any data for it, in the period or outside. */
  hasData: boolean;
}

export type Answers = Partial<Record<Module, Answer>>;

/** Return the element about the whole of a KPI. */
export function findElement(answer: Answer | undefined, kpi: string): Element | undefined {
  return answer?.results.find((element) => element.kpi === kpi && element.scope === "globals");
}

function asNumber(leaf: Leaf | undefined): number | null {
  return typeof leaf === "number" ? leaf : null;
}

function listNumbers(values: Values | undefined, count: number): (number | null)[] {
  return Array.from({ length: count }, (_, index) => asNumber(values?.temporals?.[String(index)]));
}

function readFigure(id: FigureId, definition: Definition, answer: Answer): Figure | undefined {
  const element = findElement(answer, definition.kpi);
  if (!element) return undefined;
  const count = answer.meta.buckets?.[element.granularity]?.length ?? 0;
  const comparison = element.comparisons?.[0];
  const compared = comparison && listNumbers(comparison.data as Values, count);
  return {
    id,
    ...definition,
    value: asNumber((element.data as Values).all),
    changed: asNumber((comparison?.change as Values | undefined)?.all),
    changeKind: definition.unit === "1" ? "difference" : "relative",
    values: listNumbers(element.data as Values, count),
    compared: compared?.some(Boolean) ? compared : undefined,
    comparison,
  };
}

/** Tell whether a figure has a value other than 0 in one of the periods. */
export function hasValues(figure: Figure | undefined): boolean {
  return Boolean(figure && (figure.value || figure.values.some(Boolean) || figure.compared?.some(Boolean)));
}

/**
 * Return a figure from the first module that has data for it; from the first of all when none has.
 *
 * `undefined` when no module has answered.
 */
export function chooseFigure(id: FigureId, answers: Answers): Figure | undefined {
  const candidates = DEFINITIONS[id].flatMap((definition) => {
    const answer = answers[definition.module];
    const figure = answer && readFigure(id, definition, answer);
    return figure ? [figure] : [];
  });
  return candidates.find(hasValues) ?? candidates[0];
}

/** Tell whether the panel is needed: no visits are measured and no sensor counts, or nothing measures dwell. */
export function needsPanel(answers: Answers): boolean {
  return (["visits", "visitors", "dwell"] as const).some((id) => !hasValues(chooseFigure(id, answers)));
}

/**
 * Return the cost for a visit: for those that campaigns led to, else all costs over all visits.
 *
 * Both parts of the latter are sums, so that their ratio is that of the whole period.
 */
export function chooseCost(answers: Answers, visits: Figure | undefined): Figure | undefined {
  const attributed = chooseFigure("cost", answers);
  const answer = answers.conversion;
  if (!attributed || attributed.value !== null || !answer || !visits) return attributed;
  const definition: Definition = { source: "total", module: "conversion", kpi: "cost", unit: "EUR" };
  const cost = readFigure("cost", definition, answer);
  if (!cost?.value || !visits.value) return attributed;
  const divide = (above: number | null | undefined, below: number | null | undefined) =>
    above === null || above === undefined || !below ? null : above / below;
  const value = divide(cost.value, visits.value);
  const now = divide(readCompared(cost, "now"), readCompared(visits, "now"));
  const then = divide(readCompared(cost, "then"), readCompared(visits, "then"));
  return {
    ...cost,
    value,
    values: cost.values.map((above, index) => divide(above, visits.values[index])),
    compared: cost.compared?.map((above, index) => divide(above, visits.compared?.[index])),
    changed: now === null || !then ? null : (now - then) / then,
  };
}

/** Return what a comparison sets against each other: the value of the other period, or of as many days of this one. */
function readCompared(figure: Figure, side: "now" | "then"): number | null {
  const then = asNumber((figure.comparison?.data as Values | undefined)?.all);
  if (side === "then" || then === null) return then;
  return figure.comparison?.complete === false
    ? figure.changed === null
      ? null
      : then * (1 + figure.changed)
    : figure.value;
}
