/** H3 cells: the zones of places, and hexagons that sum up home areas where the map is too small for areas. */
import { cellToBoundary, cellToLatLng, isValidCell, latLngToCell } from "h3-js";

import type { Position } from "~/plots/geodesy";

import type { HomeArea } from "./catchment";

/** From this zoom on, home areas have their own shape. */
const AREA_ZOOM = 9;
/** From this zoom on, the cells of places are shown. */
export const CELL_ZOOM = 13;

const RESOLUTIONS = [
  { zoom: 7.5, resolution: 6 },
  { zoom: 6, resolution: 5 },
  { zoom: 4.5, resolution: 4 },
  { zoom: 3, resolution: 3 },
] as const;
const COARSEST = 2;

/** Return the resolution whose hexagons are some 10 to 20 pixels wide at a zoom; null where areas have their own shape. */
export function pickResolution(zoom: number): number | null {
  if (zoom >= AREA_ZOOM) return null;
  return RESOLUTIONS.find((step) => zoom >= step.zoom)?.resolution ?? COARSEST;
}

export interface Hexagon {
  cell: string;
  visitors: number;
  areas: number;
}

/** Return the hexagons of a resolution that hold centres of home areas, with the sum of their visitors. */
export function sumByHexagon(homes: readonly HomeArea[], resolution: number): Hexagon[] {
  const hexagons = new Map<string, Hexagon>();
  for (const { position, visitors } of homes) {
    if (!position) continue;
    const cell = latLngToCell(position[1], position[0], resolution);
    const hexagon = hexagons.get(cell) ?? { cell, visitors: 0, areas: 0 };
    hexagon.visitors += visitors;
    hexagon.areas += 1;
    hexagons.set(cell, hexagon);
  }
  return [...hexagons.values()];
}

/** Return the closed outline of a cell; it may go beyond 180 degrees so that it is not torn apart. */
export function outlineCell(cell: string): Position[] {
  const outline = cellToBoundary(cell, true) as Position[];
  const centre = cellToLatLng(cell)[1];
  return outline.map(([longitude, latitude]) => [
    longitude - centre > 180 ? longitude - 360 : longitude - centre < -180 ? longitude + 360 : longitude,
    latitude,
  ]);
}

/** Return the cells of a zone that are cells. */
export function listCells(zone: { indexes?: string[] } | undefined): string[] {
  return (zone?.indexes ?? []).filter((cell) => isValidCell(cell));
}
