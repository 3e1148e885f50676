import { LocateFixed, Maximize } from "lucide-preact";
import { lazy, Suspense } from "preact/compat";
import { useMemo, useRef, useState } from "preact/hooks";
import { Link } from "wouter-preact";

import { useApplication } from "~/application";
import { FilterNotice } from "~/frame/FilterNotice";
import { useLanguage } from "~/i18n/language";
import { type Bounds, boundsAround, boundsOf, type Position } from "~/plots/geodesy";
import { pagePath, useQuery } from "~/state/location";
import { Button } from "~/ui/Button";
import { Skeleton } from "~/ui/Loading";
import { ErrorNotice, Notice } from "~/ui/Notice";

import { formatCamera, parseCamera } from "./camera";
import { CELL_ZOOM, pickResolution } from "./cells";
import { type Group, GROUPS, POI_ZOOM } from "./groups";
import { MapControls } from "./MapControls";
import { MapLegend } from "./MapLegend";
import { MapTables } from "./MapTables";
import { DEFINITIONS } from "./rows";
import { SiteDetail } from "./SiteDetail";
import { useDrawing } from "./useDrawing";
import { type MapData, useMapData } from "./useMapData";

import "./map.css";

const MapCanvas = lazy(() => import("./MapCanvas").then((module) => module.MapCanvas));

const HEIGHT = 560;
const [LEAST_VIEW_M, MOST_VIEW_M] = [6000, 40_000]; // radius shown around a site that is selected
const [AREA_ZOOM, POI_CLOSE_ZOOM, ZONE_ZOOM] = [12, 14, 16.5]; // to which a click in a list goes

/** Map of sites, points of interest and homes of visitors, with tables that say the same. */
export function MapPage() {
  const { texts } = useLanguage();
  const application = useApplication();
  const [params, change] = useQuery();
  const [zoom, setZoom] = useState(4);
  const [isDrawable, setDrawable] = useState(true);
  const side = useRef<HTMLDivElement>(null);
  const [marked, setMarked] = useState<string>();
  const data = useMapData();
  const { selected } = data;

  const visible = useVisibleGroups();
  const camera = useMemo(() => parseCamera(params.get("at")), [params]);
  const drawing = useDrawing(data, visible, pickResolution(zoom), marked);
  const target = findTarget(data);

  function select(id: string | undefined): void {
    const site = data.sites.find((row) => row.id === id);
    change({ site: site?.key ?? null, at: null });
    setMarked(undefined);
  }

  function deselect(): void {
    select(undefined);
    side.current?.focus({ preventScroll: true }); // the button that was pressed is gone
  }

  function look(centre: Position, at: number): void {
    change({ at: formatCamera({ centre, zoom: at }) }, { replace: true });
  }

  const onMap = data.sites.filter(({ position }) => position);
  const zones = drawing.zones.find(({ id }) => id === selected?.id);
  return (
    <>
      {data.error ? <ErrorNotice error={data.error} onRetry={data.reload} /> : null}
      {data.isSlow ? (
        <Notice>
          {texts.common.slow} <Button onClick={data.cancel}>{texts.common.cancel}</Button>
        </Notice>
      ) : null}
      {isDrawable ? null : <Notice kind="warning">{texts.map.noWebGl}</Notice>}
      {!data.areSitesLoading && !data.error && !onMap.length ? (
        <Notice>
          {texts.map.noSites}{" "}
          {application.role === "reader" ? null : (
            <Link href={pagePath(application.key, "manage/sites")}>{texts.map.noSitesHint}</Link>
          )}
        </Notice>
      ) : null}
      <FilterNotice
        figures={[
          { name: texts.map.figures[data.figure], module: DEFINITIONS[data.figure].module },
          { name: texts.map.groups.homes, module: "geo-marketing" },
        ]}
      />
      <MapControls data={data} visible={visible} isDrawable={isDrawable} />
      <div class={isDrawable ? "map-page" : "map-page map-page-tables"}>
        {isDrawable ? (
          <div class="card map-card">
            <div class="map-holder">
              <Suspense fallback={<Skeleton height={HEIGHT} />}>
                <MapCanvas
                  features={drawing.features}
                  zones={drawing.zones}
                  visible={visible}
                  camera={camera}
                  target={target}
                  onSelect={select}
                  onMove={(to) => {
                    look(to.centre, to.zoom);
                  }}
                  onZoom={setZoom}
                  onFailure={() => {
                    setDrawable(false);
                  }}
                />
              </Suspense>
              <div class="map-buttons row no-print">
                {selected?.position && camera ? (
                  <Button
                    icon={<LocateFixed size={16} aria-hidden="true" />}
                    onClick={() => {
                      change({ at: null }, { replace: true });
                    }}
                  >
                    {texts.map.selectedSite}
                  </Button>
                ) : null}
                {selected || camera ? (
                  <Button icon={<Maximize size={16} aria-hidden="true" />} onClick={deselect}>
                    {texts.map.wholeMap}
                  </Button>
                ) : null}
              </div>
            </div>
            <MapLegend
              figure={data.figure}
              isChange={drawing.isChange}
              siteScale={drawing.siteScale}
              most={drawing.most}
              homes={visible.includes("homes") && drawing.homeScale.most > 0 ? drawing.homeLegend : undefined}
              hasCells={zoom >= CELL_ZOOM}
              pois={!visible.includes("pois") || !data.pois.length ? "off" : zoom >= POI_ZOOM ? "shown" : "zoom"}
            />
          </div>
        ) : null}
        <div class="map-side" ref={side} tabIndex={-1}>
          {selected ? (
            <SiteDetail
              site={selected}
              figure={data.figure}
              catchment={data.catchment}
              isLoading={data.areHomesLoading}
              cells={{ indoor: zones?.indoor.length ?? 0, outdoor: zones?.outdoor.length ?? 0 }}
              onZones={
                isDrawable && zones
                  ? () => {
                      look(zones.position, ZONE_ZOOM);
                    }
                  : undefined
              }
              onClose={deselect}
            />
          ) : (
            <p class="muted map-hint">{texts.map.chooseSite}</p>
          )}
          <MapTables
            data={data}
            marked={marked}
            onSelect={select}
            onShowArea={
              isDrawable
                ? (code, position) => {
                    setMarked(code);
                    look(position, AREA_ZOOM);
                  }
                : undefined
            }
            onShowPoi={
              isDrawable
                ? (position) => {
                    look(position, POI_CLOSE_ZOOM);
                  }
                : undefined
            }
          />
        </div>
      </div>
    </>
  );
}

/** Return the groups of layers that are not switched off in the URL. */
function useVisibleGroups(): readonly Group[] {
  const [params] = useQuery();
  const hidden = params.get("hide");
  return useMemo(() => GROUPS.filter((group) => !(hidden ?? "").split(",").includes(group)), [hidden]);
}

/** Return where the map looks by itself: around the site that is selected, else at all sites. */
function findTarget({ selected, sites, catchment, areHomesLoading }: MapData) {
  if (selected?.position) {
    if (areHomesLoading) return undefined;
    const reach = Math.max(0, ...(catchment?.radii ?? []).map(({ radiusM }) => radiusM));
    const radiusM = Math.min(MOST_VIEW_M, Math.max(LEAST_VIEW_M, reach * 1.1));
    return { id: selected.id, bounds: boundsAround(selected.position, radiusM) };
  }
  const bounds: Bounds | undefined = boundsOf(sites.flatMap(({ position }) => (position ? [position] : [])));
  return bounds && { id: "all", bounds };
}
