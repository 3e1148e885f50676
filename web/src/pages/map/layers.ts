/** What the map shows above land and borders, from below to above. */
import type { LayerSpecification } from "maplibre-gl";

import { MAP_FONT } from "~/plots/baseMap";
import type { PlotTheme } from "~/plots/theme";

import { CELL_ZOOM } from "./cells";
import { type Group, POI_ZOOM } from "./groups";

export const SOURCES = ["homes", "catchment", "rings", "ringLabels", "cells", "pois", "sites"] as const;
export type SourceName = (typeof SOURCES)[number];

/** Layers of each group. */
export const LAYERS_OF_GROUP: Record<Group, readonly string[]> = {
  homes: ["homes", "homes-edge", "homes-marked"],
  catchment: ["catchment", "catchment-casing", "catchment-edge", "catchment-label"],
  rings: ["rings-casing", "rings", "rings-label"],
  pois: ["pois", "pois-label"],
};

/** Layers that answer a pointer, the topmost first. */
export const POINTED = ["sites", "pois", "homes"] as const;
const POI_LABEL_ZOOM = 13;

/** Name of the image of a point of interest. */
export const DIAMOND = "diamond";

/** Return the layers in the colours of a theme. */
export function makeLayers(theme: PlotTheme): LayerSpecification[] {
  const [indoor = "", outdoor = ""] = theme.categories;
  const halo = { "text-color": theme.text, "text-halo-color": theme.surface, "text-halo-width": 1.5 };
  return [
    {
      id: "homes",
      type: "fill",
      source: "homes",
      paint: {
        "fill-color": ["get", "colour"],
        "fill-opacity": ["interpolate", ["linear"], ["zoom"], 12, 0.8, 14.5, 0.25],
      },
    },
    {
      id: "homes-edge",
      type: "line",
      source: "homes",
      paint: { "line-color": theme.surface, "line-width": 0.75 },
    },
    {
      id: "homes-marked",
      type: "line",
      source: "homes",
      filter: ["==", ["get", "isMarked"], true],
      paint: { "line-color": theme.text, "line-width": 3 },
    },
    {
      id: "catchment",
      type: "fill",
      source: "catchment",
      paint: { "fill-color": theme.text, "fill-opacity": 0.05 },
    },
    {
      id: "catchment-casing", // so that the line is seen on dark areas, too
      type: "line",
      source: "catchment",
      paint: { "line-color": theme.surface, "line-width": ["+", 3, ["get", "width"]], "line-opacity": 0.8 },
    },
    {
      id: "catchment-edge",
      type: "line",
      source: "catchment",
      paint: { "line-color": theme.text, "line-width": ["get", "width"] },
    },
    {
      id: "rings-casing",
      type: "line",
      source: "rings",
      paint: { "line-color": theme.surface, "line-width": 2.5, "line-opacity": 0.5 },
    },
    {
      id: "rings",
      type: "line",
      source: "rings",
      paint: { "line-color": theme.text, "line-width": 1, "line-dasharray": [2, 3], "line-opacity": 0.75 },
    },
    {
      id: "cells",
      type: "fill",
      source: "cells",
      minzoom: CELL_ZOOM,
      paint: {
        "fill-color": ["match", ["get", "zone"], "indoor", indoor, outdoor],
        "fill-opacity": ["match", ["get", "zone"], "indoor", 0.55, 0.2],
      },
    },
    {
      id: "cells-edge",
      type: "line",
      source: "cells",
      minzoom: CELL_ZOOM + 1,
      paint: {
        "line-color": ["match", ["get", "zone"], "indoor", indoor, outdoor],
        "line-width": ["match", ["get", "zone"], "indoor", 1.5, 0.75],
      },
    },
    {
      id: "pois",
      type: "symbol",
      source: "pois",
      minzoom: POI_ZOOM,
      layout: {
        "icon-image": DIAMOND,
        "icon-size": ["get", "size"],
        "icon-allow-overlap": true,
        "icon-ignore-placement": true,
        "symbol-sort-key": ["get", "size"],
      },
      paint: { "icon-opacity": 0.95 },
    },
    {
      id: "sites",
      type: "circle",
      source: "sites",
      layout: { "circle-sort-key": ["get", "order"] },
      paint: {
        "circle-radius": ["get", "radius"],
        "circle-color": ["get", "colour"],
        "circle-opacity": ["interpolate", ["linear"], ["zoom"], CELL_ZOOM, 0.95, CELL_ZOOM + 2, 0.15],
        "circle-stroke-color": ["case", ["get", "isSelected"], theme.text, theme.surface],
        "circle-stroke-width": ["case", ["get", "isSelected"], 3, 1.25],
      },
    },
    {
      id: "sites-edge",
      type: "circle",
      source: "sites",
      layout: { "circle-sort-key": ["get", "order"] },
      paint: {
        "circle-radius": ["get", "radius"],
        "circle-color": "transparent",
        "circle-stroke-color": theme.text,
        "circle-stroke-width": 0.75,
        "circle-stroke-opacity": 0.6,
      },
    },
    {
      id: "catchment-label",
      type: "symbol",
      source: "ringLabels",
      filter: ["==", ["get", "kind"], "catchment"],
      layout: {
        "text-field": ["get", "label"],
        "text-font": MAP_FONT,
        "text-size": 13,
        "text-anchor": "top",
        "text-offset": [0, 0.2],
        "text-allow-overlap": true,
      },
      paint: { ...halo, "text-halo-width": 2 },
    },
    {
      id: "rings-label",
      type: "symbol",
      source: "ringLabels",
      filter: ["==", ["get", "kind"], "ring"],
      layout: {
        "text-field": ["get", "label"],
        "text-font": MAP_FONT,
        "text-size": 11,
        "text-anchor": "bottom",
      },
      paint: { ...halo, "text-color": theme.muted },
    },
    {
      id: "sites-label",
      type: "symbol",
      source: "sites",
      layout: {
        "text-field": ["get", "title"],
        "text-font": MAP_FONT,
        "text-size": 12,
        "text-max-width": 12,
        "text-variable-anchor": ["top", "bottom", "left", "right"],
        "text-radial-offset": ["+", 0.3, ["/", ["get", "radius"], 12]],
        "text-justify": "auto",
        "symbol-sort-key": ["get", "rank"],
      },
      paint: halo,
    },
    {
      id: "pois-label",
      type: "symbol",
      source: "pois",
      minzoom: POI_LABEL_ZOOM,
      layout: {
        "text-field": ["get", "title"],
        "text-font": MAP_FONT,
        "text-size": 11,
        "text-max-width": 12,
        "text-variable-anchor": ["top", "bottom", "left", "right"],
        "text-radial-offset": 1,
        "text-justify": "auto",
      },
      paint: { ...halo, "text-color": theme.muted },
    },
  ];
}
