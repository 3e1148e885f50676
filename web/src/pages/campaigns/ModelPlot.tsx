import { useMemo } from "preact/hooks";

import { ExploreLink } from "~/frame/ExploreLink";
import { useLanguage } from "~/i18n/language";
import { useApplication } from "~/application";
import { Plot } from "~/plots/Plot";
import type { SeriesPlot } from "~/plots/spec";
import { useQuery } from "~/state/location";
import { Segmented } from "~/ui/Segmented";

import { type CampaignRow, costPerVisit, CREDITS, type Level } from "./campaignRows";

const MOST = 12;
const MOST_UPRIGHT = 6; // more names do not fit beside each other
const FIGURES = ["visits", "costPerVisit"] as const;

/** Visits, or the cost per visit, of the campaigns with most visits, under each model side by side. */
export function ModelPlot({ rows, level, head }: { rows: readonly CampaignRow[]; level: Level; head: string }) {
  const { texts } = useLanguage();
  const { currency } = useApplication();
  const [params, change] = useQuery();
  const figure = FIGURES.find((name) => name === params.get("models")) ?? "visits";
  const { columns } = texts.campaigns;
  const spec = useMemo<SeriesPlot>(() => {
    const most = [...rows]
      .filter(({ credits }) => credits.participation)
      .sort((a, b) => (b.credits.participation ?? 0) - (a.credits.participation ?? 0))
      .slice(0, MOST);
    return {
      kind: "bar",
      isHorizontal: most.length > MOST_UPRIGHT,
      title: texts.campaigns.modelPlot(columns[figure], head),
      unit: figure === "visits" ? "n" : "EUR",
      currency,
      buckets: most.map(({ name }) => ({ label: name })),
      series: CREDITS.map((credit, colour) => ({
        name: credit === "participation" ? texts.campaigns.participation : texts.campaigns.models[credit],
        values: most.map(({ cost, credits }) =>
          figure === "visits" ? credits[credit] : costPerVisit(cost, credits[credit]),
        ),
        colour,
      })),
    };
  }, [rows, head, figure, columns, currency, texts]);
  return (
    <section class="card">
      <div class="card-head">
        <h2>{texts.campaigns.sideBySide}</h2>
        <div class="row">
          <ExploreLink
            module="conversion"
            kpi="offlineVisitsAttributions"
            mode="total"
            by={level}
            about={texts.campaigns.sideBySide}
          />
          <Segmented
            label={texts.campaigns.modelFigure}
            value={figure}
            options={FIGURES.map((value) => ({ value, label: columns[value] }))}
            onChange={(value) => {
              change({ models: value });
            }}
          />
        </div>
      </div>
      <p class="muted">{texts.campaigns.sideBySideHint}</p>
      <Plot spec={spec} height={spec.isHorizontal ? 60 + 64 * spec.buckets.length : 320} />
    </section>
  );
}
