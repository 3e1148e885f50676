import { useMemo } from "preact/hooks";

import { ExploreLink } from "~/frame/ExploreLink";
import { useLanguage } from "~/i18n/language";
import { Plot } from "~/plots/Plot";
import type { SeriesPlot } from "~/plots/spec";

import { type CampaignRow, CREDITS, type Level } from "./campaignRows";

const MOST = 12;
const MOST_UPRIGHT = 6; // more names do not fit beside each other

/** Visits of the campaigns with most of them, under each model side by side. */
export function ModelPlot({ rows, level, head }: { rows: readonly CampaignRow[]; level: Level; head: string }) {
  const { texts } = useLanguage();
  const spec = useMemo<SeriesPlot>(() => {
    const most = [...rows]
      .filter(({ credits }) => credits.participation)
      .sort((a, b) => (b.credits.participation ?? 0) - (a.credits.participation ?? 0))
      .slice(0, MOST);
    return {
      kind: "bar",
      isHorizontal: most.length > MOST_UPRIGHT,
      title: texts.campaigns.modelPlot(head),
      unit: "n",
      buckets: most.map(({ name }) => ({ label: name })),
      series: CREDITS.map((credit, colour) => ({
        name: credit === "participation" ? texts.campaigns.participation : texts.campaigns.models[credit],
        values: most.map(({ credits }) => credits[credit]),
        colour,
      })),
    };
  }, [rows, head, texts]);
  return (
    <section class="card">
      <div class="card-head">
        <h2>{texts.campaigns.sideBySide}</h2>
        <ExploreLink
          module="conversion"
          kpi="offlineVisitsAttributions"
          mode="total"
          by={level}
          about={texts.campaigns.sideBySide}
        />
      </div>
      <p class="muted">{texts.campaigns.sideBySideHint}</p>
      <Plot spec={spec} height={spec.isHorizontal ? 60 + 64 * spec.buckets.length : 320} />
    </section>
  );
}
