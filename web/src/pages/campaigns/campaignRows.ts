/** Campaigns, levers or providers with what they cost and brought, under an attribution model. */
import type { Answer, Days, Groups, Leaf, Param, Values } from "~/api/questions";
import type { Resource } from "~/api/resources";

/** Models of attribution, named as in the answers. */
export const MODELS = ["linear", "shapley", "fc", "lc"] as const;
export type Model = (typeof MODELS)[number];
/** The models and, outside of them, participation: each campaign of a path counts whole. */
export const CREDITS = [...MODELS, "participation"] as const;
export type Credit = (typeof CREDITS)[number];

/** Return the model that the URL names; linear for anything else. */
export function parseModel(text: string | null): Model {
  return MODELS.find((model) => model === text) ?? "linear";
}

export const LEVELS = ["campaigns", "levers", "campaigns.provider"] as const;
export type Level = (typeof LEVELS)[number];

/** Return the level that the URL names; campaigns for anything else. */
export function parseLevel(text: string | null): Level {
  return LEVELS.find((level) => level === text) ?? "campaigns";
}

const KPIS = ["globalLeverPerformance", "offlineVisitsAttributions", "onlineVisitsAttributions"] as const;

/** Return what to ask about campaigns or groups of them: all models at once, and the whole. */
export function campaignParams(level: Level): Param[] {
  const by = level === "campaigns.provider" ? level : { of: level, properties: ["_id", "key", "name"] };
  return KPIS.map((kpi) => ({ kpi, temporals: false, by: [by] }));
}

export interface CampaignRow {
  id: string;
  /** What a filter names it by. */
  key: string;
  name: string;
  prints: number | null;
  clicks: number | null;
  cost: number | null;
  /** Visits credited under the model, offline and online. */
  visits: number | null;
  /** Visits under each model. */
  credits: Record<Credit, number | null>;
  /** Cost over the visits under the model. */
  costPerVisit: number | null;
  revenue: number | null;
  roi: number | null;
}

/** Return a number within a leaf. */
export function readField(leaf: Leaf | undefined, field: string): number | null {
  const value = typeof leaf === "object" && leaf !== null ? leaf[field] : null;
  return typeof value === "number" ? value : null;
}

/** Return the sum of a field of two leaves; null when neither has it. */
export function addFields(left: Leaf | undefined, right: Leaf | undefined, field: string): number | null {
  const [a, b] = [readField(left, field), readField(right, field)];
  return a === null && b === null ? null : (a ?? 0) + (b ?? 0);
}

/** Return the cost per visit; null without costs, as of a campaign that has ended and still leads to visits. */
export function costPerVisit(cost: number | null, visits: number | null): number | null {
  return cost && visits ? cost / visits : null;
}

/**
 * Return a row from the leaves of the three KPIs.
 *
 * Credits of offline and online visits are about different visits, so that they add up; what has none is not in the
 * answer. The cost per visit is the ratio of sums.
 */
function makeRow(
  names: Pick<CampaignRow, "id" | "key" | "name">,
  performance: Leaf | undefined,
  offline: Leaf | undefined,
  online: Leaf | undefined,
  model: Model,
): CampaignRow {
  const credits = Object.fromEntries(
    CREDITS.map((credit) => [credit, addFields(offline, online, credit) ?? (performance ? 0 : null)]),
  ) as Record<Credit, number | null>;
  const cost = readField(performance, "cost");
  const visits = credits[model];
  return {
    ...names,
    prints: readField(performance, "prints"),
    clicks: readField(performance, "clicks"),
    cost,
    visits,
    credits,
    costPerVisit: costPerVisit(cost, visits),
    revenue: readField(performance, "revenues"),
    roi: readField(performance, "roi"),
  };
}

/** Return the rows of an answer to `campaignParams`, and the whole: not the sum of its rows. */
export function readCampaignRows(
  answer: Answer,
  { level, model, unknownName, wholeName }: { level: Level; model: Model; unknownName: string; wholeName: string },
): { rows: CampaignRow[]; total: CampaignRow } {
  const find = (kpi: string, scope: string) => answer.results.find((one) => one.kpi === kpi && one.scope === scope);
  const [performance, offline, online] = KPIS.map((kpi) => (find(kpi, level)?.data ?? {}) as Groups);
  const [wholePerformance, wholeOffline, wholeOnline] = KPIS.map(
    (kpi) => (find(kpi, "globals")?.data as Values | undefined)?.all,
  );
  const ids = new Set([performance, offline, online].flatMap((groups) => Object.keys(groups ?? {})));
  const rows = [...ids].map((id) => {
    const { key, name } = performance?.[id] ?? offline?.[id] ?? online?.[id] ?? {};
    const names = { id, key: key ?? id, name: name ?? key ?? (id === "unknown" ? unknownName : id) };
    return makeRow(names, performance?.[id]?.all, offline?.[id]?.all, online?.[id]?.all, model);
  });
  const whole = makeRow({ id: "", key: "", name: wholeName }, wholePerformance, wholeOffline, wholeOnline, model);
  // under a filter on campaigns a model has their part of the visits only, and the KPI is about all visits they led to
  const isWholeCredited = whole.visits === whole.credits.participation;
  const wholeCostPerVisit = isWholeCredited ? readField(wholePerformance, "costByVisit") : whole.costPerVisit;
  return { rows, total: { ...whole, costPerVisit: wholeCostPerVisit } };
}

/** A campaign's row with what is known of the campaign. */
export interface CampaignListRow extends CampaignRow {
  lever?: string | undefined;
  provider?: string | undefined;
  from?: string | undefined;
  to?: string | undefined;
}

const NO_CREDITS: CampaignRow["credits"] = { linear: null, shapley: null, fc: null, lc: null, participation: null };

/** Return the first and last day of a campaign: the planned ones, else those that have data. */
export function campaignDays(campaign: Resource<"campaigns">): { from?: string | undefined; to?: string | undefined } {
  return {
    from: campaign.from ?? campaign.computedFrom ?? undefined,
    to: campaign.to ?? campaign.computedTo ?? undefined,
  };
}

/**
 * Return campaigns with figures and, with `days`, those that run in these days without any.
 *
 * `idle`: how many campaigns do not run in these days and have no figures.
 */
export function listCampaigns(
  rows: readonly CampaignRow[],
  campaigns: readonly Resource<"campaigns">[],
  days: Days | null,
): { rows: CampaignListRow[]; idle: number } {
  const byId = new Map(campaigns.map((campaign) => [campaign._id, campaign]));
  const describe = (campaign: Resource<"campaigns"> | undefined) =>
    campaign && {
      lever: campaign._cachedLeverName ?? undefined,
      provider: campaign.provider ?? undefined,
      ...campaignDays(campaign),
    };
  const listed: CampaignListRow[] = rows.map((row) => ({ ...row, ...describe(byId.get(row.id)) }));
  if (!days) return { rows: listed, idle: 0 };
  const withFigures = new Set(rows.map(({ id }) => id));
  const others = campaigns.filter(({ _id }) => !withFigures.has(_id));
  const running = others.filter((campaign) => {
    const { from, to } = campaignDays(campaign);
    return (!from || from <= days.to) && (!to || to >= days.from);
  });
  const empty = running.map((campaign): CampaignListRow => ({
    id: campaign._id,
    key: campaign.key ?? campaign._id,
    name: campaign.name ?? campaign.key ?? campaign._id,
    prints: null,
    clicks: null,
    cost: null,
    visits: null,
    credits: NO_CREDITS,
    costPerVisit: null,
    revenue: null,
    roi: null,
    ...describe(campaign),
  }));
  return { rows: [...listed, ...empty], idle: others.length - running.length };
}
