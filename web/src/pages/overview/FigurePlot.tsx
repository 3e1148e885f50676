import { useMemo } from "preact/hooks";

import { useApplication } from "~/application";
import { AnswerNotes } from "~/frame/AnswerNotes";
import { ExploreLink } from "~/frame/ExploreLink";
import { useLanguage } from "~/i18n/language";
import { Plot } from "~/plots/Plot";
import type { SeriesPlot } from "~/plots/spec";
import { comparedLabels, parseGrain, possibleGrains } from "~/plots/timeline";
import { useQuery } from "~/state/location";
import { Skeleton } from "~/ui/Loading";
import { Segmented } from "~/ui/Segmented";

import type { Answers, TimedFigure } from "./figures";
import { figureName } from "./names";

const HEIGHT = 320;
const FEWEST_OF_LINE = 4; // fewer values are bars

interface Props {
  figure: TimedFigure | undefined;
  answers: Answers;
  isLoading: boolean;
}

/** The chosen figure over time, with the other period behind it. */
export function FigurePlot({ figure, answers, isLoading }: Props) {
  const { texts } = useLanguage();
  const { days } = useApplication();
  const [params, change] = useQuery();
  const grains = possibleGrains(days);
  return (
    <section class="card" aria-busy={isLoading}>
      <div class="card-head">
        <h2>{figure ? figureName(figure, texts.overview) : " "}</h2>
        <div class="row">
          {figure && figure.source !== "total" ? (
            <ExploreLink
              module={figure.module}
              kpi={figure.kpi}
              mode="histogram"
              grain={figure.grain}
              about={figureName(figure, texts.overview)}
            />
          ) : null}
          {grains.length > 1 ? (
            <Segmented
              label={texts.overview.grain}
              value={parseGrain(params.get("grain"), days)}
              options={grains.map((value) => ({ value, label: texts.overview.grains[value] }))}
              onChange={(grain) => {
                change({ grain });
              }}
            />
          ) : null}
        </div>
      </div>
      {figure ? <Timeline figure={figure} answers={answers} /> : <Skeleton height={HEIGHT} />}
    </section>
  );
}

function Timeline({ figure, answers }: { figure: TimedFigure; answers: Answers }) {
  const { texts, formats } = useLanguage();
  const { currency, weekStart } = useApplication();
  const spec = useMemo<SeriesPlot>(() => {
    const { comparison, compared, buckets, grain } = figure;
    return {
      kind: buckets.length < FEWEST_OF_LINE ? "bar" : "line",
      title: figureName(figure, texts.overview),
      unit: figure.unit,
      currency,
      buckets,
      series: [
        {
          name: texts.overview.thisPeriod,
          values: figure.values,
          colour: 0,
        },
        ...(comparison && compared
          ? [
              {
                name: texts.overview.otherPeriod,
                values: compared,
                colour: 0,
                isCompared: true,
                labels: comparedLabels(comparison, { grain, count: buckets.length, weekStart }, formats),
              },
            ]
          : []),
      ],
    };
  }, [figure, currency, weekStart, texts, formats]);
  const cut = spec.buckets.filter(({ isCut }) => isCut);
  return (
    <>
      <AnswerNotes answer={answers[figure.module]} isEmpty={!figure.value} />
      <Plot spec={spec} height={HEIGHT} />
      {cut.length ? (
        <p class="muted overview-hatched">
          {texts.overview.hatched(formats.list(cut.slice(0, 6).map(({ label }) => label)), Math.max(0, cut.length - 6))}
        </p>
      ) : null}
    </>
  );
}
