/**
 * The map under every map of the page: land, borders and controls, without any tile or font of another server.
 *
 * Import this module dynamically: MapLibre is larger than the rest of the page.
 */
import type { Feature, FeatureCollection } from "geojson";
import {
  AttributionControl,
  type GeoJSONSource,
  type LayerSpecification,
  Map as MapLibreMap,
  type MapOptions,
  NavigationControl,
  ScaleControl,
  setWorkerUrl,
} from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?url";

import type { Texts } from "~/i18n/en";

import { loadOutlines } from "./outlines";
import type { PlotTheme } from "./theme";

import "maplibre-gl/dist/maplibre-gl.css";
import "./baseMap.css";

setWorkerUrl(workerUrl); // a file of the page's own origin: its policy allows no worker from a blob

const EMPTY: FeatureCollection = { type: "FeatureCollection", features: [] };
const SIMPLIFIED_PX = 0.1; // the default, 0.375, makes polygons of circles
/** Without an address of glyphs, MapLibre draws them from the fonts of the system. */
export const MAP_FONT = ["system-ui"];

/** Tell whether the browser can draw maps. */
export function hasWebGl(): boolean {
  try {
    return document.createElement("canvas").getContext("webgl2") !== null;
  } catch {
    return false;
  }
}

/** Return the layers of land and borders. */
function makeBaseLayers(theme: PlotTheme, water: string): LayerSpecification[] {
  return [
    { id: "water", type: "background", paint: { "background-color": water } },
    { id: "land", type: "fill", source: "land", paint: { "fill-color": theme.surface } },
    { id: "coast", type: "line", source: "land", paint: { "line-color": theme.border, "line-width": 1 } },
    {
      id: "borders",
      type: "line",
      source: "borders",
      paint: { "line-color": theme.muted, "line-width": 0.75, "line-dasharray": [4, 2], "line-opacity": 0.7 },
    },
  ];
}

interface Options {
  texts: Texts["map"];
  /** What the map shows, for screen readers; by default sites and homes. */
  title?: string;
  /** Layers above land and borders, and the names of their sources, which are empty at first. */
  layers: LayerSpecification[];
  sources: readonly string[];
  theme: PlotTheme;
  /** Where it looks at first; by default at France. */
  view?: Pick<MapOptions, "center" | "zoom" | "bounds" | "fitBoundsOptions"> | undefined;
}

/** Return a map in a container: with controls, outlines that come when they are loaded, and empty sources. */
export function createBaseMap(
  container: HTMLElement,
  { texts, title = texts.title, layers, sources, theme, view }: Options,
): MapLibreMap {
  const isTouched = matchMedia("(pointer: coarse)").matches;
  const map = new MapLibreMap({
    container,
    style: {
      version: 8,
      sources: {
        land: { type: "geojson", data: EMPTY },
        borders: { type: "geojson", data: EMPTY },
        ...Object.fromEntries(
          sources.map((name) => [name, { type: "geojson", data: EMPTY, tolerance: SIMPLIFIED_PX }]),
        ),
      },
      layers: [...makeBaseLayers(theme, readWater()), ...layers],
    },
    ...(view ?? { center: [2.5, 46.5], zoom: 4 }),
    minZoom: 1,
    maxZoom: 18,
    maxPitch: 0,
    dragRotate: false,
    touchPitch: false,
    fadeDuration: 100,
    cooperativeGestures: isTouched, // one finger scrolls the page
    attributionControl: false,
    canvasContextAttributes: { preserveDrawingBuffer: true }, // pages are printed
    locale: {
      "Map.Title": title,
      "NavigationControl.ZoomIn": texts.zoomIn,
      "NavigationControl.ZoomOut": texts.zoomOut,
      "AttributionControl.ToggleAttribution": texts.attribution,
      "Popup.Close": texts.closePopup,
      "CooperativeGesturesHandler.WindowsHelpText": texts.useControlKey,
      "CooperativeGesturesHandler.MacHelpText": texts.useControlKey,
      "CooperativeGesturesHandler.MobileHelpText": texts.useTwoFingers,
    },
  });
  map.touchZoomRotate.disableRotation();
  map.keyboard.disableRotation();
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new ScaleControl({ unit: "metric" }), "bottom-left");
  map.addControl(new AttributionControl({ compact: false, customAttribution: "Natural Earth" }), "bottom-right");
  void map.once("load", () => {
    loadOutlines().then(
      ({ land, borders }) => {
        setFeatures(map, "land", land);
        setFeatures(map, "borders", borders);
      },
      () => undefined, // what is drawn on it is worth seeing without them
    );
  });
  return map;
}

/** Replace what a source of a map has. */
export function setFeatures(map: MapLibreMap, source: string, features: FeatureCollection | Feature): void {
  map.getSource<GeoJSONSource>(source)?.setData(features);
}

/** Give the layers of a map the colours of a theme. */
export function recolour(map: MapLibreMap, theme: PlotTheme, layers: LayerSpecification[]): void {
  for (const { id, paint } of [...makeBaseLayers(theme, readWater()), ...layers])
    for (const [name, value] of Object.entries(paint ?? {})) map.setPaintProperty(id, name as never, value as never);
}

function readWater(): string {
  return getComputedStyle(document.documentElement).getPropertyValue("--water").trim();
}
