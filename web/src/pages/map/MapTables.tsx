import type { Page } from "~/api/documents";
import type { Remote } from "~/api/useRemote";
import { useLanguage } from "~/i18n/language";
import type { Position } from "~/plots/geodesy";
import { useQuery } from "~/state/location";
import { Skeleton } from "~/ui/Loading";
import { Notice } from "~/ui/Notice";
import { Segmented } from "~/ui/Segmented";

import { HomeTable, PoiTable, SiteTable } from "./PlaceTables";
import { type MapData, MOST_AREAS } from "./useMapData";

const TABLES = ["sites", "homes", "pois"] as const;

/** Everything that is on the map, as tables: one of them at a time. */
export function MapTables({
  data,
  marked,
  onSelect,
  onShowArea,
  onShowPoi,
}: {
  data: MapData;
  marked: string | undefined;
  onSelect: (id: string) => void;
  onShowArea: ((code: string, position: Position) => void) | undefined;
  onShowPoi: ((position: Position) => void) | undefined;
}) {
  const { texts } = useLanguage();
  const [params, change] = useQuery();
  const search = params.get("q") ?? "";
  const table = TABLES.find((name) => name === params.get("table")) ?? "sites";
  const isLoading = { sites: data.areSitesLoading, homes: data.areHomesLoading, pois: data.arePoisLoading }[table];
  const isEmpty = { sites: !data.sites.length, homes: !data.homes.length, pois: !data.pois.length }[table];
  return (
    <section class="card map-tables" aria-label={texts.map.places}>
      <div class="card-head">
        <Segmented
          label={texts.map.places}
          value={table}
          options={TABLES.map((value) => ({ value, label: texts.map.tables[value] }))}
          onChange={(value) => {
            change({ table: value === "sites" ? null : value, sort: null, q: null });
          }}
        />
        <input
          class="input map-search no-print"
          type="search"
          aria-label={texts.common.search}
          placeholder={texts.common.search}
          value={search}
          onInput={(event) => {
            change({ q: event.currentTarget.value || null }, { replace: true });
          }}
        />
      </div>
      {table === "homes" && !isLoading ? <HomeNotes data={data} /> : null}
      {table === "homes" ? null : <LeftOut {...data.resources[table]} />}
      <div class="map-table" aria-busy={isLoading}>
        {isEmpty ? (
          isLoading ? (
            <Skeleton height={320} />
          ) : (
            <>
              <p class="muted">{table === "homes" ? texts.map.noHomes : texts.plots.noValues}</p>
              {table === "homes" ? data.homeNotes.map(({ code, message }) => <p key={code}>{message}</p>) : null}
            </>
          )
        ) : table === "sites" ? (
          <SiteTable
            rows={data.sites}
            search={search}
            figure={data.figure}
            selected={data.selected?.id}
            onSelect={onSelect}
          />
        ) : table === "homes" ? (
          <HomeTable
            homes={data.homes}
            search={search}
            unknown={data.unknownHomes}
            selected={data.selected}
            marked={marked}
            onShow={onShowArea}
          />
        ) : (
          <PoiTable
            rows={data.pois}
            search={search}
            hasSite={data.selected?.position !== undefined}
            onShow={onShowPoi}
          />
        )}
      </div>
    </section>
  );
}

/** What the table of home areas leaves out. */
function HomeNotes({ data }: { data: MapData }) {
  const { texts, formats } = useLanguage();
  const hasPlaces = data.homes.some(({ position }) => position);
  return (
    <>
      {data.homes.length && !hasPlaces ? <Notice>{texts.map.noAreas}</Notice> : null}
      {data.homes.length > MOST_AREAS ? (
        <p class="muted map-small">{texts.map.homesLeftOut(formats.count(MOST_AREAS))}</p>
      ) : null}
    </>
  );
}

/** How many of the sites or points of interest are read, if not all are. */
function LeftOut({ data }: Remote<Page<unknown>>) {
  const { texts, formats } = useLanguage();
  if (!data || data.total <= data.documents.length) return null;
  return (
    <p class="muted map-small">
      {texts.map.sitesLeftOut(formats.count(data.documents.length), formats.count(data.total))}
    </p>
  );
}
