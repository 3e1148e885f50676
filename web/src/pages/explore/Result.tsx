import { useMemo } from "preact/hooks";
import { Link } from "wouter-preact";

import type { Answer } from "~/api/questions";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { Plot } from "~/plots/Plot";
import { plotHeight, type PlotSpec, plotValues } from "~/plots/spec";
import { pagePath, useFrameState } from "~/state/location";
import { DEFAULT_PERIOD } from "~/state/period";
import { Button } from "~/ui/Button";
import { Notice } from "~/ui/Notice";
import { Segmented } from "~/ui/Segmented";

import { describeBuckets } from "./buckets";
import { type Cube, makeCube } from "./cube";
import { fieldName, groupingName, itemNamer, kpiName } from "./labels";
import { arrange, chooseKind, type Labels, makePlot, type PlotKind } from "./plotting";
import { Picks } from "./Picks";
import { ResultFigures } from "./ResultFigures";
import { ResultTableView } from "./ResultTableView";
import type { ExploreState } from "./state";
import { makeTable } from "./table";

interface Props {
  answer: Answer;
  /** The state whose question has this answer; the page may be at the next one already. */
  answered: ExploreState;
  current: ExploreState;
  /** Names of resources by key and by id. */
  resources: ReadonlyMap<string, string>;
  tableSort: string;
  change: (changes: Record<string, string | null>) => void;
}

/** The answer: its notes, figures, plot and table. */
export function Result({ answer, answered, current, resources, tableSort, change }: Props) {
  const { texts, formats } = useLanguage();
  const { explore } = texts;
  const { currency, days, today, timezone, weekStart } = useApplication();
  const { comparison, filters } = useFrameState();

  // what can change without another question, each part by itself: a click on a plot's kind is only about the plot
  const { field, group, bucket, plot } = answered.kpi === current.kpi ? current : answered;
  const state = useMemo(() => ({ ...answered, field, group, bucket }), [answered, field, group, bucket]);
  const cube = useMemo(
    () =>
      makeCube(
        answer,
        { ...answered, field },
        {
          others: texts.common.others,
          unknown: texts.common.unknown,
          group: (grouping, key) =>
            grouping === "channels" ? (explore.channels as Record<string, string>)[key] : undefined,
          item: itemNamer(answered.kpi, resources, { formats, texts: explore, currency }),
        },
      ),
    [answer, answered, field, texts, explore, formats, currency, resources],
  );
  const buckets = useMemo(
    () =>
      describeBuckets(cube.buckets, state.mode, state.grain, answer, {
        formats,
        texts: explore,
        today,
        timezone,
        weekStart,
        weekdays: keptWeekdays(filters["weekdays"], state.own.included["weekdays"]),
      }),
    [filters, state.own, cube, state.mode, state.grain, answer, formats, explore, today, timezone, weekStart],
  );
  const labels = useMemo<Labels>(() => {
    const groups = state.by.map((name) => groupingName(name, texts));
    const name = kpiName(state.kpi, explore);
    const isPlain = cube.fields.length === 1;
    const title = isPlain ? name : `${name} – ${fieldName(cube.field.id, explore)}`;
    const other = answer.results[0]?.comparisons?.[0];
    return {
      value: isPlain ? name : fieldName(cube.field.id, explore),
      title: groups.length ? explore.byGroups(title, groups.map(lowerFirst).join(", ")) : title,
      now: formats.range(days.from, days.to),
      then:
        other?.from && other.until
          ? formats.range(other.from, other.until)
          : typeof comparison === "string"
            ? texts.frame.comparisons[comparison]
            : explore.compared,
      time: state.mode === "aggregation" ? explore.recurrences[state.grain] : texts.plots.bucket,
      groups,
      items: cube.kind === "DIST" ? explore.bands : explore.items,
      leftSite: explore.leftSite,
      weekday: (weekday) => formats.weekday(weekday),
      hour: (hour) => formats.hour(hour),
    };
  }, [state, cube, answer, days, comparison, texts, explore, formats]);
  const arrangement = useMemo(() => arrange(cube, state), [cube, state]);
  const kind = chooseKind(arrangement, plot);
  const plotted = useMemo(
    () => makePlot(cube, state, arrangement, kind, buckets, labels, currency),
    [cube, state, arrangement, kind, buckets, labels, currency],
  );
  const table = useMemo(() => makeTable(cube, state, arrangement, buckets), [cube, state, arrangement, buckets]);
  const notes = answer.meta.notes ?? [];
  const values = plotted.spec ? plotValues(plotted.spec) : [cube.read(arrangement.place)].filter(isNumber);
  const isExplained = notes.some(({ code }) => code.startsWith("no_") || code === "filters_keep_none");
  const isEmpty = values.length === 0 || (isExplained && values.every((value) => value === 0));
  const isShort = cube.groups.length > 0 && cube.groups.length < cube.groupCount && !state.hasOthers;

  return (
    <div class="stack">
      {notes.length ? (
        <Notice kind={isEmpty ? "warning" : "info"}>
          {notes.map(({ code, message }) => (
            <p key={code + message} lang="en">
              {message}
            </p>
          ))}
        </Notice>
      ) : null}
      <div class="card stack">
        <div class="card-head result-head">
          <h2>{labels.title}</h2>
          {arrangement.kinds.length > 1 ? (
            <Segmented
              label={explore.plot}
              value={kind}
              options={arrangement.kinds.map((value) => ({ value, label: explore.plots[value] }))}
              onChange={(value: PlotKind) => {
                change({ plot: value === arrangement.kinds[0] ? null : value });
              }}
            />
          ) : null}
        </div>
        <Picks
          cube={cube}
          state={state}
          arrangement={arrangement}
          buckets={buckets}
          groupLabel={pickLabel(cube, labels)}
          change={change}
        />
        <ResultFigures cube={cube} state={state} arrangement={arrangement} labels={labels} />
        {isEmpty ? <Remedies /> : null}
        {plotted.spec ? (
          <Plot
            spec={plotted.spec}
            height={plotValues(plotted.spec).length ? plotHeight(plotted.spec) : EMPTY_HEIGHT}
          />
        ) : null}
        {plotted.isCompared && countOwn(plotted.spec) > 1 ? (
          <p class="muted">{kind === "line" ? explore.dashed(labels.then) : explore.paler(labels.then)}</p>
        ) : null}
        {plotted.isRestHidden ? <p class="muted">{explore.restHidden(texts.common.others)}</p> : null}
        {plotted.hidden > 0 ? <p class="muted">{explore.hidden(plotted.hidden)}</p> : null}
        {cube.hasComparison && plotted.spec && plotted.spec.kind === "line" && !plotted.isCompared ? (
          <p class="muted">{explore.comparedInTable}</p>
        ) : null}
        {isShort ? <p class="muted">{explore.groupsLeftOut(cube.groups.length, cube.groupCount)}</p> : null}
        {answer.meta["uplift"] === true ? <p class="muted">{explore.estimated}</p> : null}
      </div>
      {isEmpty ? null : (
        <div class="card">
          <ResultTableView
            table={table}
            cube={cube}
            state={state}
            labels={labels}
            sort={tableSort}
            onSort={(sort) => {
              change({ order: sort });
            }}
          />
        </div>
      )}
    </div>
  );
}

/** Name of the groups of which one can be picked: of two groupings, numbers are picked by the outer one. */
function pickLabel(cube: Cube, labels: Labels): string {
  return cube.field.shape === "number" && labels.groups.length === 2
    ? (labels.groups[0] ?? "")
    : labels.groups.join(" · ");
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLocaleLowerCase() + text.slice(1);
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === "number";
}

/** Weekdays that both the filters at the top and those of the question keep; all where neither names any. */
function keptWeekdays(...filters: (readonly string[] | undefined)[]): Set<number> | undefined {
  const named = filters.filter((values) => values?.length).map((values) => new Set(values?.map(Number)));
  const [first, second] = named;
  return first && second ? new Set([...first].filter((weekday) => second.has(weekday))) : first;
}

const EMPTY_HEIGHT = 120;

/** What helps where there are no values: another period, no filters, a look at the data. */
function Remedies() {
  const { frame, explore } = useLanguage().texts;
  const { key } = useApplication();
  const { period, setPeriod, filters, setFilters } = useFrameState();
  return (
    <div class="row no-print">
      {period === DEFAULT_PERIOD ? null : (
        <Button
          onClick={() => {
            setPeriod(DEFAULT_PERIOD);
          }}
        >
          {frame.presets[DEFAULT_PERIOD]}
        </Button>
      )}
      {Object.keys(filters).length ? (
        <Button
          onClick={() => {
            setFilters({});
          }}
        >
          {explore.clearFilters}
        </Button>
      ) : null}
      <Link href={pagePath(key, "data")}>{explore.seeData}</Link>
    </div>
  );
}

/** Count the series of a plot without those of the other period. */
function countOwn(spec: PlotSpec | null): number {
  return spec && spec.kind !== "heat" ? spec.series.filter(({ isCompared }) => !isCompared).length : 0;
}
