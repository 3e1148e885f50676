import type { FeatureCollection } from "geojson";
import type { Map as MapLibreMap } from "maplibre-gl";
import { type MapMouseEvent, Popup } from "maplibre-gl";
import { useEffect, useRef, useState } from "preact/hooks";

import { useTexts } from "~/i18n/language";
import { createBaseMap, hasWebGl, recolour, setFeatures } from "~/plots/baseMap";
import type { Bounds } from "~/plots/geodesy";
import { readTheme } from "~/plots/theme";
import { useTheme } from "~/theme";
import { Skeleton } from "~/ui/Loading";

import type { Camera } from "./camera";
import { CELL_ZOOM } from "./cells";
import { makeCellFeatures, type Zones } from "./features";
import { type Group, GROUPS } from "./groups";
import { DIAMOND, LAYERS_OF_GROUP, makeLayers, POINTED, type SourceName, SOURCES } from "./layers";

export interface Target {
  /** The map moves there when this changes. */
  id: string;
  bounds: Bounds;
}

interface Props {
  features: Record<Exclude<SourceName, "cells">, FeatureCollection>;
  /** Cells of the sites and points of interest, shown when zoomed in. */
  zones: readonly Zones[];
  visible: readonly Group[];
  camera: Camera | undefined;
  /** What to show while no camera is chosen. */
  target: Target | undefined;
  onSelect: (site: string) => void;
  onMove: (camera: Camera) => void;
  onZoom: (zoom: number) => void;
  onFailure: () => void;
}

const WAIT_HEIGHT = 1200; // cut to that of the map
const PADDING_PX = 48;
const MOST_ZOOM_OF_TARGET = 14;
const DIAMOND_PX = 32;
const SAME_PLACE = 2e-5; // degrees: the URL has five decimals
const SAME_ZOOM = 0.01;

/** Map that draws the features; moving it, and clicking a site, are told to the page. */
export function MapCanvas({ features, zones, visible, camera, target, ...callbacks }: Props) {
  const texts = useTexts();
  const { isDark } = useTheme();
  const container = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<MapLibreMap>();
  const latest = useRef({ ...callbacks, zones, camera, target });
  latest.current = { ...callbacks, zones, camera, target };
  const hasMoved = useRef(false);

  useEffect(() => {
    const element = container.current;
    if (!element) return;
    if (!hasWebGl()) {
      latest.current.onFailure();
      return;
    }
    const theme = readTheme();
    let created: MapLibreMap;
    try {
      created = createBaseMap(element, {
        texts: texts.map,
        layers: makeLayers(theme),
        sources: SOURCES,
        theme,
        view: chooseView(latest.current.camera, latest.current.target, element.clientWidth),
      });
    } catch {
      latest.current.onFailure(); // a context that cannot be created says so only here
      return;
    }
    created.on("load", () => {
      created.addImage(DIAMOND, drawDiamond(), { pixelRatio: 2 });
      setMap(created);
      latest.current.onZoom(created.getZoom());
    });
    created.on("moveend", (event) => {
      const { lng, lat } = created.getCenter();
      const isByUser = (event as { originalEvent?: Event }).originalEvent !== undefined;
      if (isByUser) latest.current.onMove({ centre: [lng, lat], zoom: created.getZoom() });
      drawCells(created, latest.current.zones);
    });
    created.on("zoom", () => {
      latest.current.onZoom(created.getZoom());
    });
    followPointer(created, (site) => {
      latest.current.onSelect(site);
    });
    return () => {
      setMap(undefined);
      hasMoved.current = false;
      created.remove();
    };
  }, [texts]);

  useEffect(() => {
    if (!map) return;
    const theme = readTheme();
    recolour(map, theme, makeLayers(theme));
    map.updateImage(DIAMOND, drawDiamond());
  }, [map, isDark]);

  useFeatures(map, "homes", features.homes);
  useFeatures(map, "catchment", features.catchment);
  useFeatures(map, "rings", features.rings);
  useFeatures(map, "ringLabels", features.ringLabels);
  useFeatures(map, "pois", features.pois);
  useFeatures(map, "sites", features.sites);
  useEffect(() => {
    if (map) drawCells(map, zones);
  }, [map, zones]);

  useEffect(() => {
    if (!map) return;
    for (const group of GROUPS)
      for (const layer of LAYERS_OF_GROUP[group])
        map.setLayoutProperty(layer, "visibility", visible.includes(group) ? "visible" : "none");
  }, [map, visible]);

  const cameraId = camera && `${camera.centre.join()} ${camera.zoom}`;
  useEffect(() => {
    if (!map) return;
    const { camera: to, target: around } = latest.current;
    const animate = hasMoved.current;
    if (to) {
      if (!isAt(map, to)) map.easeTo({ center: to.centre, zoom: to.zoom, animate });
    } else if (around) map.fitBounds(around.bounds, { ...fitting(map.getContainer().clientWidth), animate });
    hasMoved.current = animate || to !== undefined || around !== undefined;
  }, [map, cameraId, target?.id]);

  return (
    <>
      <div ref={container} class="map-canvas" aria-busy={!map} />
      {map ? null : (
        <div class="map-wait">
          <Skeleton height={WAIT_HEIGHT} />
        </div>
      )}
    </>
  );
}

/** Return where a map looks at first, if that is known already. */
function chooseView(camera: Camera | undefined, target: Target | undefined, width: number) {
  if (camera) return { center: camera.centre, zoom: camera.zoom };
  return target && { bounds: target.bounds, fitBoundsOptions: fitting(width) };
}

function fitting(width: number) {
  return { padding: Math.min(PADDING_PX, width / 10), maxZoom: MOST_ZOOM_OF_TARGET };
}

function useFeatures(map: MapLibreMap | undefined, source: SourceName, features: FeatureCollection): void {
  useEffect(() => {
    if (map) setFeatures(map, source, features);
  }, [map, source, features]);
}

function isAt(map: MapLibreMap, { centre, zoom }: Camera): boolean {
  const { lng, lat } = map.getCenter();
  const distance = Math.max(Math.abs(lng - centre[0]), Math.abs(lat - centre[1]));
  return distance < SAME_PLACE && Math.abs(map.getZoom() - zoom) < SAME_ZOOM;
}

/** Draw the cells of what is in view; of everything they would be too many. */
function drawCells(map: MapLibreMap, zones: readonly Zones[]): void {
  if (map.getZoom() < CELL_ZOOM) return;
  const bounds = map.getBounds();
  setFeatures(map, "cells", makeCellFeatures(zones.filter(({ position }) => bounds.contains(position))));
}

/** Show what is under the pointer in a popup, and call a function with the site that is clicked. */
function followPointer(map: MapLibreMap, select: (site: string) => void): void {
  const popup = new Popup({ closeButton: false, closeOnClick: false, offset: 14 });

  function show({ point, lngLat }: MapMouseEvent): string | undefined {
    const [hit] = map.queryRenderedFeatures(point, { layers: [...POINTED] });
    map.getCanvas().style.cursor = hit?.layer.id === "sites" ? "pointer" : "";
    const properties = (hit?.properties ?? {}) as { id?: string; title?: string; text?: string };
    if (hit) {
      const content = document.createElement("div");
      const title = document.createElement("strong");
      title.textContent = properties.title ?? "";
      content.append(title);
      for (const line of (properties.text ?? "").split("\n")) {
        const row = document.createElement("div");
        row.textContent = line;
        content.append(row);
      }
      popup.setLngLat(lngLat).setDOMContent(content).addTo(map);
    } else popup.remove();
    return hit?.layer.id === "sites" ? properties.id : undefined;
  }

  map.on("mousemove", show);
  map.on("mouseout", () => {
    popup.remove();
  });
  map.on("click", (event) => {
    const site = show(event);
    if (site) select(site);
  });
  map.on("movestart", () => {
    popup.remove();
  });
}

/** Return the image of a point of interest, in the colours of the page. */
function drawDiamond(): ImageData {
  const { categories, surface } = readTheme();
  const canvas = document.createElement("canvas");
  canvas.width = canvas.height = DIAMOND_PX;
  const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
  const [middle, edge] = [DIAMOND_PX / 2, 3];
  pen.beginPath();
  pen.moveTo(middle, edge);
  pen.lineTo(DIAMOND_PX - edge, middle);
  pen.lineTo(middle, DIAMOND_PX - edge);
  pen.lineTo(edge, middle);
  pen.closePath();
  pen.fillStyle = categories[3] ?? surface;
  pen.fill();
  pen.lineWidth = 3;
  pen.strokeStyle = surface;
  pen.stroke();
  return pen.getImageData(0, 0, DIAMOND_PX, DIAMOND_PX);
}
