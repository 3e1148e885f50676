import { useMemo } from "preact/hooks";

import type { Answer, Grouping, Question } from "~/api/questions";
import { useResources } from "~/api/resources";
import type { Remote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { ExploreLink } from "~/frame/ExploreLink";
import { filterName } from "~/frame/FilterBar";
import { otherPeriodName } from "~/frame/otherPeriod";
import { useLanguage } from "~/i18n/language";
import { useFrameState, useQuery } from "~/state/location";
import { Change } from "~/ui/Change";
import { type Column, DataTable } from "~/ui/DataTable";
import { Loaded, Skeleton } from "~/ui/Loading";
import { Segmented } from "~/ui/Segmented";
import { useAnswer } from "~/useAnswer";

import { type Figure, GOOD } from "./figures";
import { figureName } from "./names";
import { listGroupings, type RankedRow, readRows } from "./rankings";

const SHOWN = 10;
const HEIGHT = 420;
const SORTS = ["-value", "-change", "change"] as const;

/** Sites and groups of sites, ranked by a figure or by its change. A click limits the page to one. */
export function SiteRanking({ figure }: { figure: Figure | undefined }) {
  const { texts } = useLanguage();
  const [params, change] = useQuery();
  const { comparison } = useFrameState();
  const sites = useResources("sites");
  const groupings = useMemo(() => listGroupings(sites.data?.documents ?? []), [sites.data]);
  const grouping = groupings.find(({ name }) => name === params.get("group")) ?? groupings[0];
  const bySites = useRanking(figure, { of: "sites", properties: ["_id", "key", "name"] });
  const byGroups = useRanking(figure, grouping?.question);
  const sort = params.get("sort") ?? "-value";
  const isCount = figure?.id === "visits" || figure?.id === "visitors" || figure?.id === "sales";
  const options = { unknownName: texts.common.unknown, missing: isCount ? (0 as const) : null };
  const name = figure ? figureName(figure, texts.overview) : "";

  return (
    <div class={grouping || sites.isLoading ? "overview-pair" : "stack"}>
      <section class="card">
        <div class="card-head">
          <h2>{texts.overview.sites}</h2>
          <div class="row">
            {figure ? (
              <ExploreLink
                module={figure.module}
                kpi={figure.kpi}
                mode="total"
                by="sites"
                about={texts.overview.byOf(name, texts.filters.sites)}
              />
            ) : null}
            {comparison === "none" ? null : (
              <Segmented
                label={texts.overview.order}
                value={SORTS.find((one) => one === sort) ?? ("" as "-value")}
                options={SORTS.map((value) => ({ value, label: texts.overview.orders[value] }))}
                onChange={(value) => {
                  change({ sort: value });
                }}
              />
            )}
          </div>
        </div>
        <Loaded remote={bySites} height={HEIGHT}>
          {(answer) => (
            <Ranking
              caption={texts.overview.byOf(name, texts.filters.sites)}
              head={texts.filters.sites}
              rows={readRows(answer, "sites", options)}
              figure={figure}
              filter="sites"
              sort={sort}
              onSort={(value) => {
                change({ sort: value });
              }}
            />
          )}
        </Loaded>
      </section>
      {sites.isLoading ? (
        <section class="card">
          <Skeleton height={HEIGHT} />
        </section>
      ) : grouping ? (
        <section class="card">
          <div class="card-head">
            <h2>{texts.overview.groups}</h2>
            <div class="row">
              {figure ? (
                <ExploreLink
                  module={figure.module}
                  kpi={figure.kpi}
                  mode="total"
                  by={
                    typeof grouping.question === "string"
                      ? grouping.name
                      : `${grouping.name}:${grouping.question.digits}`
                  }
                  about={texts.overview.byOf(name, filterName(grouping.name, texts.filters))}
                />
              ) : null}
              <select
                class="select overview-grouping"
                aria-label={texts.overview.groupBy}
                value={grouping.name}
                onChange={(event) => {
                  change({ group: event.currentTarget.value });
                }}
              >
                {groupings.map((one) => (
                  <option key={one.name} value={one.name}>
                    {filterName(one.name, texts.filters)}
                  </option>
                ))}
              </select>
            </div>
          </div>
          <Loaded remote={byGroups} height={HEIGHT}>
            {(answer) => (
              <Ranking
                caption={texts.overview.byOf(name, filterName(grouping.name, texts.filters))}
                head={filterName(grouping.name, texts.filters)}
                rows={readRows(answer, grouping.name, { ...options, unknownName: texts.overview.notGiven })}
                figure={figure}
                filter={grouping.name}
                sort={sort}
                onSort={(value) => {
                  change({ sort: value });
                }}
              />
            )}
          </Loaded>
          {grouping.name === "sites.tags" ? <p class="muted overview-hint">{texts.overview.tagsOverlap}</p> : null}
        </section>
      ) : null}
    </div>
  );
}

/** Ask for a figure by sites or groups of them; loading until it is known which figure. */
function useRanking(figure: Figure | undefined, by: Grouping | string | undefined): Remote<Answer> {
  const question: Question | null =
    figure && by ? { params: [{ kpi: figure.kpi, temporals: false, globals: false, by: [by] }] } : null;
  const remote = useAnswer(figure?.module ?? "performance", question);
  // an answer about another figure or grouping must not be shown under the name of this one
  const [element] = remote.data?.results ?? [];
  const isAbout = element?.kpi === figure?.kpi && element?.scope === (typeof by === "string" ? by : by?.of);
  return { ...remote, data: isAbout ? remote.data : undefined, isLoading: remote.isLoading || question === null };
}

function Ranking({
  caption,
  head,
  rows,
  figure,
  filter,
  sort,
  onSort,
}: {
  caption: string;
  head: string;
  rows: readonly RankedRow[];
  figure: Figure | undefined;
  filter: string;
  sort: string;
  onSort: (sort: string) => void;
}) {
  const { texts, formats } = useLanguage();
  const { currency } = useApplication();
  const { comparison, filters, setFilters } = useFrameState();
  if (!figure || rows.every(({ value }) => value === null)) return <p class="muted">{texts.plots.noValues}</p>;
  const most = Math.max(...rows.map(({ value }) => value ?? 0));
  const chosen = filters[filter] ?? [];

  function toggle(key: string): void {
    setFilters({ ...filters, [filter]: chosen.includes(key) ? chosen.filter((one) => one !== key) : [key] });
  }

  const columns: Column<RankedRow>[] = [
    {
      id: "name",
      title: head,
      sortBy: (row) => row.name,
      cell: (row) => (
        <button
          type="button"
          class="link"
          aria-pressed={chosen.includes(row.key)}
          title={texts.overview.limitTo(row.name)}
          onClick={() => {
            toggle(row.key);
          }}
        >
          {row.name}
        </button>
      ),
    },
    {
      id: "value",
      title: figureName(figure, texts.overview),
      isNumber: true,
      sortBy: (row) => row.value,
      cell: (row) => formats.exact(row.value, figure.unit, currency),
      bar: (row) => (most > 0 ? (row.value ?? 0) / most : 0),
    },
  ];
  if (comparison !== "none")
    columns.push({
      id: "change",
      title: texts.overview.change,
      isNumber: true,
      sortBy: (row) => row.changed,
      cell: (row) => (
        <Change
          value={row.changed}
          kind={figure.changeKind}
          than={otherPeriodName(comparison, texts.overview.than, formats)}
          good={GOOD[figure.id]}
        />
      ),
    });
  return (
    <DataTable
      caption={caption}
      columns={columns}
      rows={rows}
      rowKey={(row) => row.id}
      sort={sort}
      onSort={onSort}
      limit={SHOWN}
      moreLabel={texts.overview.moreRows(Math.max(0, rows.length - SHOWN))}
      isRowMarked={(row) => chosen.includes(row.key)}
    />
  );
}
