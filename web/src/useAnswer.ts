import { type Answer, ask, type Days, type Module, type Question } from "~/api/questions";
import { type Remote, useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { questionFilters } from "~/state/filters";
import { useFrameState } from "~/state/location";

interface Options {
  /** False leaves the comparison out. */
  compared?: boolean;
  /** False leaves the filters at the top of the page out. */
  filtered?: boolean;
  /** Other days than those at the top of the page. */
  days?: Days;
  study?: string;
  uplift?: boolean | undefined;
}

/**
 * Ask a question about the open application, over the period, comparison and filters at the top of the page.
 *
 * `null` asks nothing.
 */
export function useAnswer(
  module: Module,
  question: Question | null,
  { compared = true, filtered = true, study = "all", uplift, ...options }: Options = {},
): Remote<Answer> {
  const application = useApplication();
  const { filters } = useFrameState();
  const days = options.days ?? application.days;
  const chosen = filtered ? questionFilters(filters, module) : undefined;
  const whole: Question | null = question && {
    ...(compared ? application.compare : {}),
    ...question,
    ...(chosen || question.filters ? { filters: { ...chosen, ...question.filters } } : {}),
  };
  const id = whole && JSON.stringify([application.key, module, study, uplift, days, whole]);
  return useRemote(id, (signal) => ask(application.key, module, whole as Question, days, { study, uplift, signal }));
}
