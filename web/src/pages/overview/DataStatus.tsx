import { Link } from "wouter-preact";
import { CircleCheck, TriangleAlert } from "lucide-preact";

import { useApplication } from "~/application";
import { FilterNotice } from "~/frame/FilterNotice";
import { useLanguage } from "~/i18n/language";
import { isMissing, type KnownDays } from "~/plots/timeline";
import { keptQuery, pagePath, useFrameState, useQuery } from "~/state/location";
import { addDays, readToday } from "~/state/days";
import { Button } from "~/ui/Button";
import { Notice } from "~/ui/Notice";

import { type Answers, type Figure, measureOf } from "./figures";
import { figureName } from "./names";

/** Up to which day there is data, what the comparison compares, and which filters do not hold everywhere. */
export function DataStatus({
  figures,
  answers,
  known,
}: {
  figures: readonly Figure[];
  answers: Answers;
  known: ReadonlyMap<string, KnownDays>;
}) {
  const { texts, formats } = useLanguage();
  const { key, days, timezone, today } = useApplication();
  const { setPeriod } = useFrameState();
  const [params] = useQuery();
  const yesterday = addDays(today, -1);

  let isLate = false; // whether yesterday lacks data that can be expected
  const sources = new Map<string, string>(); // latest day by the name of what it is about
  for (const figure of figures) {
    const measure = measureOf(figure);
    const days = known.get(`${figure.module} ${measure}`);
    const name = texts.overview.measures[measure as keyof typeof texts.overview.measures];
    if (!days?.latest || !name) continue;
    sources.set(name, days.latest);
    isLate ||= isMissing(yesterday, days);
  }
  const latestDays = [...new Set(sources.values())].sort();
  const latest = latestDays.at(-1);
  const comparison = figures.find((figure) => figure.comparison)?.comparison;
  const freshness = Object.values(answers)[0]?.meta["freshness"];
  const hasNothing = figures.length > 3 && figures.every(({ value }) => !value);
  const lastDay = latest ?? (typeof freshness === "string" ? readToday(timezone, new Date(freshness)) : undefined);

  return (
    <div class="overview-status stack">
      <div class="row">
        {latest ? (
          <p class="overview-data">
            {isLate ? <TriangleAlert size={16} aria-hidden="true" /> : <CircleCheck size={16} aria-hidden="true" />}
            <span>
              {latestDays.length === 1
                ? texts.overview.dataUpTo(formats.weekdayDay(latest))
                : formats.list(
                    [...sources].map(([name, day]) => texts.overview.kindUpTo(name, formats.weekdayDay(day))),
                  )}
              {". "}
              {isLate
                ? texts.overview.yesterdayMissing
                : latest < yesterday
                  ? texts.overview.yesterdayClosed
                  : texts.overview.yesterdayIn}{" "}
              <Link href={pagePath(key, "data") + keptQuery(params)}>{texts.frame.data}</Link>
            </span>
          </p>
        ) : (
          <span>&nbsp;</span>
        )}
        {comparison?.from && comparison.until ? (
          <span class="muted overview-compared">
            {comparison.complete === false && comparison.lastDays?.now
              ? texts.overview.comparedUntil(
                  formats.range(days.from, comparison.lastDays.now),
                  formats.range(comparison.from, comparison.until),
                )
              : texts.overview.comparedWith(formats.range(comparison.from, comparison.until))}
          </span>
        ) : null}
      </div>
      {hasNothing && lastDay ? (
        <Notice>
          {texts.overview.nothingInPeriod}{" "}
          <Button
            onClick={() => {
              setPeriod({ from: addDays(lastDay, -29), to: lastDay });
            }}
          >
            {texts.overview.goTo(formats.day(lastDay))}
          </Button>
        </Notice>
      ) : null}
      <FilterNotice
        figures={figures.map((figure) => ({ name: figureName(figure, texts.overview), module: figure.module }))}
      />
    </div>
  );
}
