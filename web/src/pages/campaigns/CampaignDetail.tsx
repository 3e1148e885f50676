import { ArrowLeft } from "lucide-preact";
import { useMemo } from "preact/hooks";

import type { Answer, Param, Values } from "~/api/questions";
import { listResources, type Resource } from "~/api/resources";
import { type Remote, useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { Plot } from "~/plots/Plot";
import type { SeriesPlot } from "~/plots/spec";
import {
  comparedLabels,
  type Grain,
  GRAINS,
  makeBuckets,
  parseGrain,
  possibleGrains,
  readLeaves,
} from "~/plots/timeline";
import { useFrameState, useQuery } from "~/state/location";
import { Button } from "~/ui/Button";
import { type Column, DataTable } from "~/ui/DataTable";
import { Loaded } from "~/ui/Loading";
import { Notice } from "~/ui/Notice";
import { Segmented } from "~/ui/Segmented";
import { useAnswer } from "~/useAnswer";

import {
  addFields,
  campaignDays,
  costPerVisit,
  type Credit,
  CREDITS,
  type Model,
  parseModel,
  readField,
} from "./campaignRows";
import { ModelChoice, UpliftChoice } from "./Choices";
import { ControlComparison, readControlComparison } from "./ControlComparison";
import { Totals } from "./Totals";
import { parseUplift } from "./useCampaignRows";

const HEIGHT = 260;

/** One campaign: its figures over time against its cost, under each model, and against the control group. */
export function CampaignDetail({ campaign: name }: { campaign: string }) {
  const { texts } = useLanguage();
  const { key } = useApplication();
  const [, change] = useQuery();
  const remote = useRemote(`${key} campaign ${name}`, (signal) =>
    listResources(key, "campaigns", { keys: [name], per_page: 1 }, signal),
  );
  return (
    <>
      <div>
        <Button
          icon={<ArrowLeft size={16} aria-hidden="true" />}
          onClick={() => {
            change({ campaign: null });
          }}
        >
          {texts.campaigns.all}
        </Button>
      </div>
      <Loaded remote={remote} height={480}>
        {({ documents: [campaign] }) =>
          campaign ? <Figures campaign={campaign} /> : <Notice kind="warning">{texts.campaigns.unknown(name)}</Notice>
        }
      </Loaded>
    </>
  );
}

function Figures({ campaign }: { campaign: Resource<"campaigns"> }) {
  const { texts, formats } = useLanguage();
  const { days } = useApplication();
  const { setPeriod } = useFrameState();
  const [params] = useQuery();
  const grain = parseGrain(params.get("grain"), days);
  const model = parseModel(params.get("model"));
  const uplift = parseUplift(params.get("uplift"));
  const asked: Param[] = [
    { kpi: "globalLeverPerformance", granularity: grain },
    { kpi: "offlineVisitsAttributions", granularity: grain },
    { kpi: "onlineVisitsAttributions", granularity: grain },
    { kpi: "comparisonOfflineVisits", granularity: grain, temporals: false },
  ];
  const filters = { campaigns: [campaign.key ?? campaign._id] };
  const remote = useAnswer("conversion", { params: asked, filters }, { uplift });
  const { from, to } = campaignDays(campaign);
  const isOutside = (from !== undefined && from > days.to) || (to !== undefined && to < days.from);
  const facts = [
    campaign._cachedLeverName,
    campaign.provider,
    campaign.agency,
    campaign.format,
    from && to ? formats.range(from, to) : undefined,
  ].filter(Boolean);
  const grains = possibleGrains(days);
  const isEmpty = remote.data !== undefined && !hasFigures(remote.data);
  return (
    <div class="stack">
      <section class="card">
        <div class="card-head">
          <div>
            <h2>{campaign.name ?? campaign.key}</h2>
            <p class="muted">{facts.join(" · ")}</p>
            {from && to && !isOutside && (from !== days.from || to !== days.to) ? (
              <button
                type="button"
                class="link"
                onClick={() => {
                  setPeriod({ from, to });
                }}
              >
                {texts.campaigns.showItsPeriod}
              </button>
            ) : null}
          </div>
          <div class="campaign-choices">
            <ModelChoice model={model} />
            <UpliftChoice />
          </div>
        </div>
        {from && to && isOutside ? (
          <Notice>
            {texts.campaigns.outside}{" "}
            <Button
              onClick={() => {
                setPeriod({ from, to });
              }}
            >
              {texts.campaigns.showItsPeriod}
            </Button>
          </Notice>
        ) : null}
        <Loaded remote={remote} height={96}>
          {(answer) =>
            isEmpty ? (
              <p class="muted campaign-hint">{texts.campaigns.noFigures}</p>
            ) : (
              <Totals answer={answer} model={model} />
            )
          }
        </Loaded>
      </section>
      {isEmpty ? null : <Details remote={remote} model={model} grain={grain} grains={grains} />}
    </div>
  );
}

/** Tell whether anything was delivered, spent or led to visits. */
function hasFigures(answer: Answer): boolean {
  const leaf = findValues(answer, "globalLeverPerformance")?.all;
  return ["prints", "clicks", "openings", "cost", "offlineVisits", "onlineVisits"].some((name) =>
    readField(leaf, name),
  );
}

function Details({
  remote,
  model,
  grain,
  grains,
}: {
  remote: Remote<Answer>;
  model: Model;
  grain: Grain;
  grains: readonly Grain[];
}) {
  const { texts } = useLanguage();
  const [, change] = useQuery();
  return (
    <>
      <section class="card">
        <div class="card-head">
          <h2>{texts.campaigns.overTime}</h2>
          {grains.length > 1 ? (
            <Segmented
              label={texts.overview.grain}
              value={grain}
              options={grains.map((value) => ({ value, label: texts.overview.grains[value] }))}
              onChange={(value) => {
                change({ grain: value });
              }}
            />
          ) : null}
        </div>
        <Loaded remote={remote} height={2 * HEIGHT}>
          {(answer) => <OverTime answer={answer} model={model} />}
        </Loaded>
      </section>
      <div class="campaign-pair">
        <section class="card">
          <div class="card-head">
            <h2>{texts.campaigns.sideBySide}</h2>
          </div>
          <Loaded remote={remote} height={240}>
            {(answer) => <Models answer={answer} />}
          </Loaded>
          <p class="muted campaign-hint">{texts.campaigns.detailHint}</p>
        </section>
        <section class="card">
          <div class="card-head">
            <h2>{texts.campaigns.effect}</h2>
          </div>
          <Loaded remote={remote} height={240}>
            {(answer) => <ControlComparison comparison={readControlComparison(answer)} />}
          </Loaded>
        </section>
      </div>
    </>
  );
}

function findValues(answer: Answer, kpi: string, side: "now" | "then" = "now"): Values | undefined {
  const element = answer.results.find((one) => one.kpi === kpi && one.scope === "globals");
  return (side === "now" ? element?.data : element?.comparisons?.[0]?.data) as Values | undefined;
}

/** Visits under the model, and costs, one above the other on the same days. */
function OverTime({ answer, model }: { answer: Answer; model: Model }) {
  const { texts, formats } = useLanguage();
  const { today, currency, weekStart } = useApplication();
  const [visits, cost] = useMemo((): [SeriesPlot, SeriesPlot] => {
    const element = answer.results.find((one) => one.kpi === "globalLeverPerformance");
    const grain: Grain = GRAINS.find((one) => one === element?.granularity) ?? "day";
    const buckets = makeBuckets(
      { starts: answer.meta.buckets?.[grain] ?? [], cut: answer.meta.cut?.[grain] ?? [], grain },
      { days: { from: String(answer.meta["from"]), to: String(answer.meta["to"]) }, today },
      formats,
    );
    const count = buckets.length;
    const comparison = element?.comparisons?.[0];
    const labels = comparison && comparedLabels(comparison, { grain, count, weekStart }, formats);
    const readVisits = (side: "now" | "then") => {
      const offline = readLeaves(findValues(answer, "offlineVisitsAttributions", side), count);
      const online = readLeaves(findValues(answer, "onlineVisitsAttributions", side), count);
      return offline.map((leaf, index) => addFields(leaf, online[index], model));
    };
    const readCosts = (side: "now" | "then") =>
      readLeaves(findValues(answer, "globalLeverPerformance", side), count).map((leaf) => readField(leaf, "cost"));
    const makeSpec = (title: string, unit: string, colour: number, read: typeof readVisits): SeriesPlot => {
      const then = read("then");
      return {
        kind: "bar",
        title,
        unit,
        currency,
        buckets,
        series: [
          {
            name: title,
            values: read("now").map((value, index) => (buckets[index]?.isAhead ? null : value)),
            colour,
          },
          ...(labels && then.some(Boolean)
            ? [{ name: texts.overview.otherPeriod, values: then, colour, isCompared: true, labels }]
            : []),
        ],
      };
    };
    return [
      makeSpec(texts.campaigns.visitsBy(texts.campaigns.models[model]), "n", 0, readVisits),
      makeSpec(texts.campaigns.columns.cost, "EUR", 1, readCosts),
    ];
  }, [answer, model, today, currency, weekStart, texts, formats]);
  return (
    <div class="stack">
      {[visits, cost].map((spec) => (
        <div key={spec.unit}>
          <h3>{spec.title}</h3>
          <Plot spec={spec} height={HEIGHT} />
        </div>
      ))}
    </div>
  );
}

interface ModelRow {
  credit: Credit;
  name: string;
  offline: number | null;
  online: number | null;
  costPerVisit: number | null;
}

/** Visits and cost per visit of the campaign under each model. */
function Models({ answer }: { answer: Answer }) {
  const { texts, formats } = useLanguage();
  const { currency } = useApplication();
  const offline = findValues(answer, "offlineVisitsAttributions")?.all;
  const online = findValues(answer, "onlineVisitsAttributions")?.all;
  const cost = readField(findValues(answer, "globalLeverPerformance")?.all, "cost");
  const rows = CREDITS.map((credit): ModelRow => ({
    credit,
    name: credit === "participation" ? texts.campaigns.participation : texts.campaigns.models[credit],
    offline: readField(offline, credit),
    online: readField(online, credit),
    costPerVisit: costPerVisit(cost, addFields(offline, online, credit)),
  }));
  const most = Math.max(0, ...rows.map((row) => row.offline ?? 0), ...rows.map((row) => row.online ?? 0));
  const count = (id: "offline" | "online", title: string): Column<ModelRow> => ({
    id,
    title,
    isNumber: true,
    sortBy: (row) => row[id],
    cell: (row) => formats.exact(row[id], "n"),
    ...(most > 0 ? { bar: (row: ModelRow) => (row[id] ?? 0) / most } : {}),
  });
  return (
    <DataTable
      caption={texts.campaigns.sideBySide}
      rows={rows}
      rowKey={(row) => row.credit}
      columns={[
        { id: "name", title: texts.campaigns.model, cell: (row) => row.name },
        count("offline", texts.campaigns.totals.offlineVisits),
        count("online", texts.campaigns.totals.onlineVisits),
        {
          id: "costPerVisit",
          title: texts.campaigns.columns.costPerVisit,
          isNumber: true,
          sortBy: (row) => row.costPerVisit,
          cell: (row) => formats.exact(row.costPerVisit, "EUR", currency),
        },
      ]}
    />
  );
}
