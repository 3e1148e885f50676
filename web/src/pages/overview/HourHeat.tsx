import { useMemo } from "preact/hooks";

import { type Answer, type Values } from "~/api/questions";
import { useApplication } from "~/application";
import { ExploreLink } from "~/frame/ExploreLink";
import { useLanguage } from "~/i18n/language";
import { Plot } from "~/plots/Plot";
import type { HeatPlot } from "~/plots/spec";
import { Loaded, Skeleton } from "~/ui/Loading";
import { useAnswer } from "~/useAnswer";

import type { Figure } from "./figures";
import { countWeekdays, readWeekHours } from "./hours";
import { figureName } from "./names";

const ROW = 32;
const CHROME = 76; // axis and legend
const HEIGHT = CHROME + 7 * ROW;

/** Visits by weekday and hour, with the busiest hour as a sentence. */
export function HourHeat({ figure }: { figure: Figure | undefined }) {
  const { texts } = useLanguage();
  const remote = useAnswer(
    figure?.module ?? "performance",
    figure ? { params: [{ kpi: figure.kpi, mode: "aggregation", granularity: "hourOfWeek" }] } : null,
    { compared: false },
  );
  return (
    <section class="card">
      <div class="card-head">
        <h2>{texts.overview.hours}</h2>
        {figure ? (
          <ExploreLink
            module={figure.module}
            kpi={figure.kpi}
            mode="aggregation"
            grain="hourOfWeek"
            about={texts.overview.hoursOf(figureName(figure, texts.overview))}
          />
        ) : null}
      </div>
      {figure ? (
        <Loaded remote={remote} height={HEIGHT + 64}>
          {(answer) => <Heat figure={figure} answer={answer} />}
        </Loaded>
      ) : (
        <Skeleton height={HEIGHT + 64} />
      )}
    </section>
  );
}

function Heat({ figure, answer }: { figure: Figure; answer: Answer }) {
  const { texts, formats } = useLanguage();
  const { days, today, weekStart } = useApplication();
  const name = figureName(figure, texts.overview);
  const values = answer.results[0]?.data as Values | undefined;
  const week = useMemo(() => readWeekHours(values ?? {}, weekStart), [values, weekStart]);
  const spec = useMemo<HeatPlot>(
    () => ({
      kind: "heat",
      title: texts.overview.hoursOf(name),
      unit: figure.unit,
      rows: week.weekdays.map((weekday) => formats.weekday(weekday)),
      columns: week.hours.map((hour) => texts.overview.hour(hour)),
      values: week.values,
    }),
    [week, texts, formats, name, figure.unit],
  );
  if (!week.busiest) return <p class="muted">{texts.plots.noValues}</p>;
  const { weekday, hour, value } = week.busiest;
  const counts = countWeekdays(days, today);
  const sentence = texts.overview.busiest(
    formats.weekday(weekday),
    texts.overview.hour(hour),
    texts.overview.hour((hour + 1) % 24),
    formats.exact(value, figure.unit),
    name,
    counts.get(weekday) ?? 0,
  );
  const isUneven = new Set(counts.values()).size > 1;
  return (
    <>
      <p>
        <strong>{sentence}</strong> {isUneven ? <span class="muted">{texts.overview.uneven}</span> : null}
      </p>
      <Plot spec={spec} height={CHROME + ROW * week.weekdays.length} summary={sentence} />
    </>
  );
}
