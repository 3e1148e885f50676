import type { Answer, Leaf, Values } from "~/api/questions";
import { useApplication } from "~/application";
import { AnswerNotes } from "~/frame/AnswerNotes";
import { otherPeriodName } from "~/frame/otherPeriod";
import { useLanguage } from "~/i18n/language";
import { useFrameState } from "~/state/location";
import { Change } from "~/ui/Change";

import { costPerVisit, type Model, readField } from "./campaignRows";

const FIELDS = [
  { id: "cost", unit: "EUR", good: "neither" },
  { id: "offlineVisits", unit: "n", good: "more" },
  { id: "onlineVisits", unit: "n", good: "more" },
  { id: "costByVisit", unit: "EUR", good: "less" },
  { id: "revenues", unit: "EUR", good: "more" },
  { id: "roi", unit: "1", good: "more" },
] as const;
type Field = (typeof FIELDS)[number]["id"];

interface Figure {
  value: number | null;
  changed: number | null;
}

/** The main figures with their changes; with a model, visits and the cost per visit are those under it. */
export function Totals({ answer, model }: { answer: Answer; model?: Model }) {
  const { texts, formats } = useLanguage();
  const { currency } = useApplication();
  const { comparison } = useFrameState();
  const figures = readTotals(answer, model);
  const hasChange = FIELDS.some(({ id }) => figures[id].changed !== null);
  const hasVisits = Boolean(figures.offlineVisits.value || figures.onlineVisits.value);
  return (
    <>
      <AnswerNotes answer={answer} isEmpty={!hasVisits} />
      <dl class="totals">
        {FIELDS.map(({ id, unit, good }) => {
          const { value, changed } = figures[id];
          return (
            <div key={id}>
              <dt>{texts.campaigns.totals[id]}</dt>
              <dd class="total-value" title={formats.exact(value, unit, currency)}>
                {formats.headline(value, unit, currency)}
              </dd>
              {comparison === "none" || changed === null ? null : (
                <dd class="total-change">
                  <Change
                    value={changed}
                    kind={unit === "1" ? "difference" : "relative"}
                    than={otherPeriodName(comparison, texts.overview.than, formats)}
                    good={good}
                    inWords
                  />
                </dd>
              )}
            </div>
          );
        })}
      </dl>
      {comparison !== "none" && !hasChange ? (
        <p class="muted campaign-hint">{texts.campaigns.nothingCompared}</p>
      ) : null}
    </>
  );
}

function readTotals(answer: Answer, model: Model | undefined): Record<Field, Figure> {
  const read = (kpi: string, field: string): Figure => {
    const element = answer.results.find((one) => one.kpi === kpi && one.scope === "globals");
    const change: Leaf | undefined = (element?.comparisons?.[0]?.change as Values | undefined)?.all;
    return {
      value: readField((element?.data as Values | undefined)?.all, field),
      changed: readField(change, field),
    };
  };
  const figures = Object.fromEntries(FIELDS.map(({ id }) => [id, read("globalLeverPerformance", id)])) as Record<
    Field,
    Figure
  >;
  if (!model) return figures;
  const offlineVisits = read("offlineVisitsAttributions", model);
  const onlineVisits = read("onlineVisitsAttributions", model);
  const visits = (offlineVisits.value ?? 0) + (onlineVisits.value ?? 0);
  const costByVisit = { value: costPerVisit(figures.cost.value, visits), changed: null };
  return { ...figures, offlineVisits, onlineVisits, costByVisit };
}
