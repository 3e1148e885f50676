import type { ApiError } from "~/api/errors";
import type { Answer, Days, Module } from "~/api/questions";
import type { Remote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { type Grain, type KnownDays, readKnownDays } from "~/plots/timeline";
import { addDays } from "~/state/period";
import { useAnswer } from "~/useAnswer";

import {
  type Answers,
  chooseCost,
  chooseFigure,
  type Figure,
  figureParams,
  FIGURES,
  MEASURES,
  needsPanel,
} from "./figures";

const RECENT_D = 60;
const MOST_D = 3600; // a question can have 3,660 days

export interface FiguresRemote {
  figures: Figure[];
  answers: Answers;
  isLoading: boolean;
  isSlow: boolean;
  errors: ApiError[];
  reload: () => void;
  cancel: () => void;
}

/** Ask for the six figures: one question to each module, to that of the panel only if the others lack something. */
export function useFigures(grain: Grain): FiguresRemote {
  const performance = useAnswer("performance", { params: figureParams("performance", grain) });
  const presence = useAnswer("presence", { params: figureParams("presence", grain) });
  const conversion = useAnswer("conversion", { params: figureParams("conversion", grain) });
  const measured = keepAnswers({ performance: performance.data, presence: presence.data });
  const hasMeasured = !performance.isLoading && !presence.isLoading;
  const isPanelAsked = hasMeasured && needsPanel(measured);
  const panel = useAnswer("geo-marketing", isPanelAsked ? { params: figureParams("geo-marketing", grain) } : null);

  const answers: Answers = keepAnswers({ ...measured, conversion: conversion.data, "geo-marketing": panel.data });
  const visits = chooseFigure("visits", answers);
  const figures = FIGURES.flatMap((id) => {
    const figure = id === "cost" ? chooseCost(answers, visits) : chooseFigure(id, answers);
    return figure ? [figure] : [];
  });
  const remotes: Remote<Answer>[] = [performance, presence, conversion, panel];
  return {
    figures,
    answers,
    isLoading: remotes.some((remote) => remote.isLoading),
    isSlow: remotes.some((remote) => remote.isSlow),
    errors: remotes.flatMap((remote) => (remote.error ? [remote.error] : [])),
    reload: () => {
      for (const remote of remotes) if (remote.error) remote.reload();
    },
    cancel: () => {
      for (const remote of remotes) if (remote.isLoading) remote.cancel();
    },
  };
}

function keepAnswers(answers: Partial<Record<Module, Answer | undefined>>): Answers {
  return Object.fromEntries(Object.entries(answers).filter(([, answer]) => answer !== undefined)) as Answers;
}

/** Ask on which days modules have data, whatever the filters; the last 60 days and those of the period. */
export function useKnownDays(modules: readonly Module[]): ReadonlyMap<string, KnownDays> {
  const { days, today } = useApplication();
  const recent = addDays(today, -RECENT_D);
  const first = days.from < recent ? days.from : recent;
  const earliest = addDays(today, -MOST_D);
  const asked: Days = { from: first < earliest ? earliest : first, to: today };
  const known = new Map<string, KnownDays>();
  const ask = (module: Module) => ({
    params: MEASURES[module].map((kpi) => ({ kpi, granularity: "day" as const })),
  });
  const options = { compared: false, filtered: false, days: asked };
  const answers: [Module, Remote<Answer>][] = [
    ["performance", useAnswer("performance", modules.includes("performance") ? ask("performance") : null, options)],
    ["presence", useAnswer("presence", modules.includes("presence") ? ask("presence") : null, options)],
    [
      "geo-marketing",
      useAnswer("geo-marketing", modules.includes("geo-marketing") ? ask("geo-marketing") : null, options),
    ],
  ];
  for (const [module, { data }] of answers)
    if (data) for (const kpi of MEASURES[module]) known.set(`${module} ${kpi}`, readKnownDays(data, kpi));
  return known;
}
