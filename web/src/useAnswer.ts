import { type Answer, ask, type Module, type Question } from "~/api/questions";
import { type Remote, useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { questionFilters } from "~/state/filters";
import { useFrameState } from "~/state/location";

/**
 * Ask a question about the open application, over the period, comparison and filters at the top of the page.
 *
 * `null` asks nothing. `compared: false` leaves the comparison out.
 */
export function useAnswer(
  module: Module,
  question: Question | null,
  { compared = true, study = "all" }: { compared?: boolean; study?: string } = {},
): Remote<Answer> {
  const { key, days, compare } = useApplication();
  const { filters } = useFrameState();
  const chosen = questionFilters(filters, module);
  const whole: Question | null = question && {
    ...(compared ? compare : {}),
    ...question,
    ...(chosen || question.filters ? { filters: { ...chosen, ...question.filters } } : {}),
  };
  const id = whole && JSON.stringify([key, module, study, days, whole]);
  return useRemote(id, (signal) => ask(key, module, whole as Question, days, { study, signal }));
}
