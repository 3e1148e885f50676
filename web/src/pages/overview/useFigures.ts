import { useMemo } from "preact/hooks";

import type { ApiError } from "~/api/errors";
import type { Answer, Module, Question } from "~/api/questions";
import type { Remote } from "~/api/useRemote";
import { useApplication } from "~/application";
import type { Formats } from "~/format/formats";
import { useLanguage } from "~/i18n/language";
import { type Grain, type KnownDays, makeBuckets, readKnownDays } from "~/plots/timeline";
import { addDays } from "~/state/days";
import { useAnswer } from "~/useAnswer";

import {
  type Answers,
  chooseCost,
  chooseFigure,
  type Figure,
  figureParams,
  FIGURES,
  findElement,
  hasValues,
  measureOf,
  MEASURES,
  needsPanel,
  type TimedFigure,
} from "./figures";

const RECENT_D = 60;
const MOST_D = 3600; // a question can have 3,660 days

export interface FiguresRemote {
  figures: TimedFigure[];
  answers: Answers;
  /** Days with data, by module and KPI. */
  known: ReadonlyMap<string, KnownDays>;
  isLoading: boolean;
  isSlow: boolean;
  /** Whether questions have been cancelled, so that figures are missing. */
  isCancelled: boolean;
  errors: ApiError[];
  reload: () => void;
  cancel: () => void;
}

/** Ask for the six figures: one question to each module, to that of the panel only if the others lack something. */
export function useFigures(grain: Grain): FiguresRemote {
  const { formats } = useLanguage();
  const { today } = useApplication();
  const performance = useAnswer("performance", { params: figureParams("performance", grain) });
  const presence = useAnswer("presence", { params: figureParams("presence", grain) });
  const conversion = useAnswer("conversion", { params: figureParams("conversion", grain) });
  const hasMeasured = [performance, presence].every(({ data, error }) => data ?? error); // and not: was cancelled
  const isPanelAsked =
    hasMeasured && needsPanel(keepAnswers({ performance: performance.data, presence: presence.data }));
  const panel = useAnswer("geo-marketing", isPanelAsked ? { params: figureParams("geo-marketing", grain) } : null);

  const answers = useMemo(
    () =>
      keepAnswers({
        performance: performance.data,
        presence: presence.data,
        conversion: conversion.data,
        "geo-marketing": panel.data,
      }),
    [performance.data, presence.data, conversion.data, panel.data],
  );
  const figures = useMemo(() => {
    const visits = chooseFigure("visits", answers);
    return FIGURES.flatMap((id) => {
      const figure = id === "cost" ? chooseCost(answers, visits) : chooseFigure(id, answers);
      return figure ? [figure] : [];
    });
  }, [answers]);
  const known = useKnownDays(figures.map(({ module }) => module));
  const timed = useMemo(
    () =>
      figures.map((figure) => {
        const measured = figure.id === "cost" ? figures.find(({ id }) => id === "visits") : figure;
        const days = measured && known.get(`${measured.module} ${measureOf(measured)}`);
        return addBuckets(figure, answers, { known: days, today, formats });
      }),
    [figures, answers, known, today, formats],
  );

  const remotes: Remote<Answer>[] = [performance, presence, conversion, panel];
  return {
    figures: timed,
    answers,
    known,
    isLoading: remotes.some((remote) => remote.isLoading),
    isSlow: remotes.some((remote) => remote.isSlow),
    isCancelled: [performance, presence, conversion].some(
      ({ data, error, isLoading }) => !data && !error && !isLoading,
    ),
    // somebody may have removed the study of all sites: then the panel has nothing to say
    errors: remotes.flatMap(({ error }) => (error && !(error === panel.error && error.status === 404) ? [error] : [])),
    reload: () => {
      for (const remote of remotes) if (remote.error || !remote.data) remote.reload();
    },
    cancel: () => {
      for (const remote of remotes) if (remote.isLoading) remote.cancel();
    },
  };
}

function keepAnswers(answers: Partial<Record<Module, Answer | undefined>>): Answers {
  return Object.fromEntries(Object.entries(answers).filter(([, answer]) => answer !== undefined)) as Answers;
}

function addBuckets(
  figure: Figure,
  answers: Answers,
  { known, today, formats }: { known: KnownDays | undefined; today: string; formats: Formats },
): TimedFigure {
  const answer = answers[figure.module];
  const grain = (findElement(answer, figure.kpi)?.granularity ?? "day") as Grain;
  const buckets = makeBuckets(
    { starts: answer?.meta.buckets?.[grain] ?? [], cut: answer?.meta.cut?.[grain] ?? [], grain },
    {
      days: { from: String(answer?.meta["from"]), to: String(answer?.meta["to"]) },
      today,
      known,
    },
    formats,
  );
  const values = figure.values.map((value, index) => (buckets[index]?.isAhead ? null : value));
  const hasData = hasValues(figure) || (figure.id !== "cost" && Boolean(known?.latest));
  return { ...figure, values, buckets, grain, hasData };
}

/** Ask on which days modules have data, whatever the filters: by module and KPI, the last 60 days and the period. */
function useKnownDays(modules: readonly Module[]): ReadonlyMap<string, KnownDays> {
  const { days, today } = useApplication();
  const recent = addDays(today, -RECENT_D);
  const first = days.from < recent ? days.from : recent;
  const earliest = addDays(today, -MOST_D);
  const options = {
    compared: false,
    filtered: false,
    days: { from: first < earliest ? earliest : first, to: today },
  };
  const makeQuestion = (module: Module): Question | null =>
    modules.includes(module) ? { params: MEASURES[module].map((kpi) => ({ kpi, granularity: "day" })) } : null;
  const { data: performance } = useAnswer("performance", makeQuestion("performance"), options);
  const { data: presence } = useAnswer("presence", makeQuestion("presence"), options);
  const { data: panel } = useAnswer("geo-marketing", makeQuestion("geo-marketing"), options);
  return useMemo(() => {
    const known = new Map<string, KnownDays>();
    const answers = keepAnswers({ performance, presence, "geo-marketing": panel });
    for (const [module, answer] of Object.entries(answers) as [Module, Answer][])
      for (const kpi of MEASURES[module]) known.set(`${module} ${kpi}`, readKnownDays(answer, kpi));
    return known;
  }, [performance, presence, panel]);
}
