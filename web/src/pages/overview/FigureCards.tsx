import { useApplication } from "~/application";
import { otherPeriodName } from "~/frame/otherPeriod";
import { useLanguage } from "~/i18n/language";
import { Sparkline } from "~/plots/Sparkline";
import { useFrameState, useQuery } from "~/state/location";
import { Change } from "~/ui/Change";
import { Skeleton } from "~/ui/Loading";

import { type FigureId, FIGURES, GOOD, type TimedFigure } from "./figures";
import { figureName } from "./names";

const CARD_HEIGHT = 148;

/** The six figures, each a button that shows it in large. */
export function FigureCards({
  figures,
  chosen,
  isLoading,
}: {
  figures: readonly TimedFigure[];
  chosen: FigureId;
  isLoading: boolean;
}) {
  const { texts } = useLanguage();
  return (
    <div class="figures" role="group" aria-label={texts.overview.figures} aria-busy={isLoading}>
      {FIGURES.map((id) => {
        const figure = figures.find((one) => one.id === id);
        if (figure) return <FigureCard key={id} figure={figure} isChosen={id === chosen} />;
        return isLoading ? <Skeleton key={id} height={CARD_HEIGHT} /> : null;
      })}
    </div>
  );
}

function FigureCard({ figure, isChosen }: { figure: TimedFigure; isChosen: boolean }) {
  const { texts, formats } = useLanguage();
  const { currency } = useApplication();
  const { comparison } = useFrameState();
  const [, change] = useQuery();
  const { id, unit, source, changed, changeKind, hasData } = figure;
  const value = hasData ? figure.value : null;
  return (
    <button
      type="button"
      class="figure card"
      aria-pressed={isChosen}
      onClick={() => {
        change({ figure: id });
      }}
    >
      <span class="figure-name">{figureName(figure, texts.overview)}</span>
      <span class="figure-source muted">{texts.overview.sources[source]}</span>
      <span class="figure-value" title={formats.exact(value, unit, currency)}>
        {formats.headline(value, unit, currency)}
      </span>
      <span class="figure-change">
        {!hasData ? (
          <span class="muted">{texts.overview.noData[id]}</span>
        ) : comparison === "none" ? null : changed === null ? (
          <span class="muted">{value === null ? texts.overview.noValue : texts.overview.noChange}</span>
        ) : (
          <Change
            value={changed}
            kind={changeKind}
            than={otherPeriodName(comparison, texts.overview.than, formats)}
            good={GOOD[id]}
            inWords
          />
        )}
      </span>
      {hasData ? <Sparkline values={figure.values} compared={figure.compared} width={160} height={32} /> : null}
    </button>
  );
}
