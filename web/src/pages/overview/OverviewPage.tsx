import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { parseGrain } from "~/plots/timeline";
import { useQuery } from "~/state/location";
import { Button } from "~/ui/Button";
import { ErrorNotice, Notice } from "~/ui/Notice";

import { CampaignSummary } from "./CampaignSummary";
import { DataStatus } from "./DataStatus";
import { EmptyApplication } from "./EmptyApplication";
import { FigureCards } from "./FigureCards";
import { FigurePlot } from "./FigurePlot";
import { FIGURES } from "./figures";
import { HourHeat } from "./HourHeat";
import { SiteRanking } from "./SiteRanking";
import { useFigures } from "./useFigures";

import "./overview.css";

/** How the period went: six figures, one of them in large, and what it is made of. */
export function OverviewPage() {
  const { texts } = useLanguage();
  const { days } = useApplication();
  const [params] = useQuery();
  const grain = parseGrain(params.get("grain"), days);
  const { figures, answers, known, isLoading, isSlow, isCancelled, errors, reload, cancel } = useFigures(grain);
  const chosen = FIGURES.find((id) => id === params.get("figure")) ?? FIGURES[0];
  const figure = figures.find(({ id }) => id === chosen);
  const visits = figures.find(({ id }) => id === "visits");

  const isEmpty = Object.values(answers).some(({ meta }) => meta["freshness"] === null);
  if (isEmpty) return <EmptyApplication />;
  const isShown = figures.length > 0 || isLoading;
  return (
    <>
      {isShown ? <DataStatus figures={figures} answers={answers} known={known} /> : null}
      {errors[0] ? <ErrorNotice error={errors[0]} onRetry={reload} /> : null}
      {isSlow ? (
        <Notice>
          {texts.common.slow} <Button onClick={cancel}>{texts.common.cancel}</Button>
        </Notice>
      ) : null}
      {isCancelled && !errors.length ? (
        <Notice>
          {texts.overview.cancelled} <Button onClick={reload}>{texts.common.retry}</Button>
        </Notice>
      ) : null}
      {isShown ? (
        <>
          <FigureCards figures={figures} chosen={chosen} isLoading={isLoading} />
          <FigurePlot figure={figure} answers={answers} isLoading={isLoading} />
          <SiteRanking figure={figure && figure.source !== "total" ? figure : visits} />
          <CampaignSummary />
          <HourHeat figure={visits} />
        </>
      ) : null}
    </>
  );
}
