import { useLanguage } from "~/i18n/language";
import { useQuery } from "~/state/location";
import { Skeleton } from "~/ui/Loading";
import { Notice } from "~/ui/Notice";
import { Segmented } from "~/ui/Segmented";

import type { Position } from "./geodesy";
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
  onShowArea: (code: string, position: Position) => void;
  onShowPoi: (position: Position) => void;
}) {
  const { texts } = useLanguage();
  const [params, change] = useQuery();
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
            change({ table: value === "sites" ? null : value, sort: null });
          }}
        />
      </div>
      {table === "homes" && !isLoading ? <HomeNotes data={data} /> : null}
      {table !== "homes" && data.leftOut ? (
        <p class="muted map-small">
          {texts.map.sitesLeftOut(
            data.resources[table].data?.documents.length ?? 0,
            data.resources[table].data?.total ?? 0,
          )}
        </p>
      ) : null}
      <div class="map-table" aria-busy={isLoading}>
        {isEmpty ? (
          isLoading ? (
            <Skeleton height={320} />
          ) : (
            <p class="muted">{table === "homes" ? texts.map.noHomes : texts.plots.noValues}</p>
          )
        ) : table === "sites" ? (
          <SiteTable rows={data.sites} figure={data.figure} selected={data.selected?.id} onSelect={onSelect} />
        ) : table === "homes" ? (
          <HomeTable
            homes={data.homes}
            unknown={data.unknownHomes}
            selected={data.selected}
            marked={marked}
            onShow={onShowArea}
          />
        ) : (
          <PoiTable rows={data.pois} hasSite={data.selected?.position !== undefined} onShow={onShowPoi} />
        )}
      </div>
    </section>
  );
}

/** What the table of home areas leaves out. */
function HomeNotes({ data }: { data: MapData }) {
  const { texts } = useLanguage();
  const hasPlaces = data.homes.some(({ position }) => position);
  return (
    <>
      {data.homes.length && !hasPlaces ? <Notice>{texts.map.noAreas}</Notice> : null}
      {data.homes.length > MOST_AREAS ? <p class="muted map-small">{texts.map.homesLeftOut(MOST_AREAS)}</p> : null}
    </>
  );
}
