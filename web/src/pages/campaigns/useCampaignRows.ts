import { useMemo } from "preact/hooks";

import type { Answer } from "~/api/questions";
import type { Remote } from "~/api/useRemote";
import { useTexts } from "~/i18n/language";
import { useAnswer } from "~/useAnswer";

import { campaignParams, type CampaignRow, type Level, type Model, readCampaignRows } from "./campaignRows";

/** Return whether the URL asks for figures as counted (false), or leaves it to the module. */
export function parseUplift(text: string | null): boolean | undefined {
  return text === "false" ? false : undefined;
}

export interface CampaignRows {
  rows: CampaignRow[];
  total: CampaignRow;
  answer: Answer;
}

/** Ask what campaigns, levers or providers cost and brought. All models come in one answer. */
export function useCampaignRows(
  level: Level,
  { model, uplift, compared = false }: { model: Model; uplift?: boolean | undefined; compared?: boolean },
): Remote<CampaignRows> {
  const { common } = useTexts();
  const remote = useAnswer("conversion", { params: campaignParams(level) }, { compared, uplift });
  // an answer by campaigns must not be read as one by levers
  const answer = remote.data?.results.some(({ scope }) => scope === level) ? remote.data : undefined;
  const data = useMemo(
    () =>
      answer && {
        ...readCampaignRows(answer, { level, model, unknownName: common.unknown, wholeName: common.total }),
        answer,
      },
    [answer, level, model, common],
  );
  return { ...remote, data };
}
