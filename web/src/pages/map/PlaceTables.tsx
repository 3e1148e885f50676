import { useApplication } from "~/application";
import { otherPeriodName } from "~/frame/otherPeriod";
import { useLanguage } from "~/i18n/language";
import type { Position } from "~/plots/geodesy";
import { useFrameState, useQuery } from "~/state/location";
import { Change } from "~/ui/Change";
import { type Column, DataTable } from "~/ui/DataTable";

import type { HomeArea } from "./catchment";
import { DEFINITIONS, type FigureId, matchesText, type PoiRow, type SiteRow } from "./rows";

const SHOWN = 100;

interface Common {
  sort: string;
  onSort: (sort: string) => void;
}

function useSort(initial: string): Common {
  const [params, change] = useQuery();
  return {
    sort: params.get("sort") ?? initial,
    onSort: (sort) => {
      change({ sort }, { replace: true });
    },
  };
}

/** Sites with their figure; a click selects one. */
export function SiteTable({
  rows,
  search,
  figure,
  selected,
  onSelect,
}: {
  rows: readonly SiteRow[];
  search: string;
  figure: FigureId;
  selected: string | undefined;
  onSelect: (id: string) => void;
}) {
  const { texts, formats } = useLanguage();
  const sort = useSort("-value");
  const { currency } = useApplication();
  const { comparison } = useFrameState();
  const { unit } = DEFINITIONS[figure];
  const most = Math.max(0, ...rows.map(({ value }) => value ?? 0));
  const shown = rows.filter(({ name, key, city }) => matchesText(search, name, key, city));
  const columns: Column<SiteRow>[] = [
    {
      id: "name",
      title: texts.map.site,
      sortBy: (row) => row.name,
      cell: (row) => (
        <>
          <button
            type="button"
            class="link"
            aria-pressed={row.id === selected}
            onClick={() => {
              onSelect(row.id);
            }}
          >
            {row.name}
          </button>
          {row.position ? null : <span class="muted map-small"> ({texts.map.notOnMap})</span>}
        </>
      ),
    },
    {
      id: "value",
      title: texts.map.figures[figure],
      isNumber: true,
      sortBy: (row) => row.value,
      cell: (row) => formats.exact(row.value, unit, currency),
      bar: (row) => (most > 0 ? (row.value ?? 0) / most : 0),
    },
  ];
  if (comparison !== "none")
    columns.push({
      id: "change",
      title: texts.map.change,
      isNumber: true,
      sortBy: (row) => row.change,
      cell: (row) => (
        <Change value={row.change} kind="relative" than={otherPeriodName(comparison, texts.overview.than, formats)} />
      ),
    });
  if (!shown.length) return <p class="muted">{texts.filters.nothing}</p>;
  return (
    <DataTable
      caption={texts.map.sitesBy(texts.map.figures[figure])}
      columns={columns}
      rows={shown}
      rowKey={(row) => row.id}
      isRowMarked={(row) => row.id === selected}
      limit={SHOWN}
      moreLabel={texts.map.more(Math.max(0, shown.length - SHOWN))}
      {...sort}
    />
  );
}

interface HomeRow extends Omit<HomeArea, "code"> {
  code: string | null;
}

/** Home areas with their visitors and distance; a click moves the map there. */
export function HomeTable({
  homes,
  search,
  unknown,
  selected,
  marked,
  onShow,
}: {
  homes: readonly HomeArea[];
  search: string;
  /** Visitors whose home is not known. */
  unknown: number;
  selected: SiteRow | undefined;
  marked: string | undefined;
  /** Without a map, there is none. */
  onShow: ((code: string, position: Position) => void) | undefined;
}) {
  const { texts, formats } = useLanguage();
  const sort = useSort("-visitors");
  const total = unknown + homes.reduce((sum, { visitors }) => sum + visitors, 0);
  const most = Math.max(unknown, homes[0]?.visitors ?? 0);
  const rows: HomeRow[] = unknown
    ? [
        ...homes,
        { code: null, name: texts.map.unknownHome, visitors: unknown, position: undefined, distanceM: undefined },
      ]
    : [...homes];
  const shown = rows.filter(({ name, code }) => matchesText(search, name, code ?? ""));
  const hasFoot = !search; // the total is that of all areas
  const columns: Column<HomeRow>[] = [
    {
      id: "name",
      title: texts.map.area,
      sortBy: (row) => row.name,
      ...(hasFoot ? { foot: texts.common.total } : {}),
      cell: ({ code, name, position }) =>
        code && position && onShow ? (
          <button
            type="button"
            class="link"
            title={texts.map.showOnMap(name)}
            aria-pressed={code === marked}
            onClick={() => {
              onShow(code, position);
            }}
          >
            {name}
          </button>
        ) : (
          name
        ),
    },
    {
      id: "visitors",
      title: texts.map.visitors,
      isNumber: true,
      sortBy: (row) => row.visitors,
      cell: (row) => formats.exact(row.visitors, "n"),
      bar: (row) => (most > 0 ? row.visitors / most : 0),
      ...(hasFoot ? { foot: formats.exact(total, "n") } : {}),
    },
    {
      id: "distance",
      title: selected ? texts.map.distance : texts.map.nearest,
      isNumber: true,
      sortBy: (row) => row.distanceM,
      cell: (row) => formats.short(row.distanceM, "m"),
    },
    {
      id: "share",
      title: texts.map.share,
      isNumber: true,
      sortBy: (row) => row.visitors,
      cell: (row) => (total > 0 ? formats.share(row.visitors / total) : "–"),
    },
  ];
  if (!shown.length) return <p class="muted">{texts.filters.nothing}</p>;
  return (
    <DataTable
      caption={selected ? texts.map.homesOf(selected.name) : texts.map.homesOfAll}
      columns={columns}
      rows={shown}
      rowKey={(row) => row.code ?? "unknown"}
      isRowMarked={(row) => row.code !== null && row.code === marked}
      limit={SHOWN}
      moreLabel={texts.map.more(Math.max(0, shown.length - SHOWN))}
      {...sort}
    />
  );
}

/** Points of interest with the stays there; a click moves the map there. */
export function PoiTable({
  rows,
  search,
  hasSite,
  onShow,
}: {
  rows: readonly PoiRow[];
  search: string;
  /** Whether a site is selected, from which distances are. */
  hasSite: boolean;
  /** Without a map, there is none. */
  onShow: ((position: Position) => void) | undefined;
}) {
  const { texts, formats } = useLanguage();
  const sort = useSort(hasSite ? "distance" : "-value");
  const most = Math.max(0, ...rows.map(({ value }) => value ?? 0));
  const shown = rows.filter(({ name, type }) => matchesText(search, name, type));
  const columns: Column<PoiRow>[] = [
    {
      id: "name",
      title: texts.map.poi,
      sortBy: (row) => row.name,
      cell: ({ name, position, type }) => (
        <>
          {position && onShow ? (
            <button
              type="button"
              class="link"
              title={texts.map.showOnMap(name)}
              onClick={() => {
                onShow(position);
              }}
            >
              {name}
            </button>
          ) : (
            name
          )}
          {type ? <span class="muted map-small"> {type}</span> : null}
        </>
      ),
    },
    {
      id: "value",
      title: texts.map.stays,
      isNumber: true,
      sortBy: (row) => row.value,
      cell: (row) => formats.exact(row.value, "n"),
      bar: (row) => (most > 0 ? (row.value ?? 0) / most : 0),
    },
  ];
  if (hasSite)
    columns.push({
      id: "distance",
      title: texts.map.distance,
      isNumber: true,
      sortBy: (row) => row.distanceM,
      cell: (row) => formats.short(row.distanceM, "m"),
    });
  if (!shown.length) return <p class="muted">{texts.filters.nothing}</p>;
  return (
    <DataTable
      caption={texts.map.poisByStays}
      columns={columns}
      rows={shown}
      rowKey={(row) => row.id}
      limit={SHOWN}
      moreLabel={texts.map.more(Math.max(0, shown.length - SHOWN))}
      {...sort}
    />
  );
}
