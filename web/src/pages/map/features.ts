/** What the map draws, as GeoJSON. */
import type { Feature, FeatureCollection, LineString, Point, Polygon } from "geojson";

import type { Resource } from "~/api/resources";
import { findPosition, makeRing, type Position } from "~/plots/geodesy";

import type { Catchment, HomeArea } from "./catchment";
import { type Hexagon, listCells, outlineCell } from "./cells";
import { type ColourScale, pickColour, pickRadius } from "./scales";
import type { PoiRow, SiteRow } from "./rows";

/** Radii of the distance rings, in metres. */
export const RINGS_M = [1000, 5000, 10_000, 20_000] as const;

export const SITE_RADII_PX = [5, 22] as const;
const VALUELESS_RADIUS_PX = 4;
const POI_SIZES = [0.55, 1.4] as const; // of its image
const AREA_RADIUS_M = 700; // of areas without an outline: that of 1.5 km², as urban IRIS areas have
const [THICK_PX, THIN_PX] = [2.5, 1.5];

export type Geometry = Resource<"areas">["geometry"];

/** Cells of a site or point of interest. */
export interface Zones {
  id: string;
  position: Position;
  indoor: string[];
  outdoor: string[];
}

function collect(features: Feature[]): FeatureCollection {
  return { type: "FeatureCollection", features };
}

function makePoint(position: Position, properties: Record<string, unknown>): Feature<Point> {
  return { type: "Feature", geometry: { type: "Point", coordinates: position }, properties };
}

function makePolygon(ring: Position[], properties: Record<string, unknown>): Feature<Polygon> {
  return { type: "Feature", geometry: { type: "Polygon", coordinates: [ring] }, properties };
}

/** Return sites as circles: their area is in proportion to the value, the colour is of the value or its change. */
export function makeSiteFeatures(
  rows: readonly SiteRow[],
  {
    most,
    colour,
    plainColour,
    selected,
    describe,
  }: {
    /** Value of the largest circles. */
    most: number;
    colour: (row: SiteRow) => string | undefined;
    /** Colour of sites without a value. */
    plainColour: string;
    selected: string | undefined;
    describe: (row: SiteRow) => string;
  },
): FeatureCollection {
  return collect(
    rows.flatMap((row) => {
      if (!row.position) return [];
      const radius = row.value === null ? VALUELESS_RADIUS_PX : pickRadius(row.value, most, SITE_RADII_PX);
      const isSelected = row.id === selected;
      return [
        makePoint(row.position, {
          id: row.id,
          title: row.name,
          text: describe(row),
          radius,
          colour: colour(row) ?? plainColour,
          isSelected,
          order: isSelected ? 0 : -radius, // the smaller ones above
          rank: isSelected ? -Number.MAX_SAFE_INTEGER : -radius, // of its label: the larger ones first
        }),
      ];
    }),
  );
}

/** Return points of interest, larger with more stays. */
export function makePoiFeatures(rows: readonly PoiRow[], most: number, describe: (row: PoiRow) => string) {
  return collect(
    rows.flatMap((row) =>
      row.position
        ? [
            makePoint(row.position, {
              id: row.id,
              title: row.name,
              text: describe(row),
              size: pickRadius(row.value ?? 0, most, POI_SIZES),
            }),
          ]
        : [],
    ),
  );
}

/** Return home areas in their own shape; those without an outline as circles around their centre. */
export function makeAreaFeatures(
  homes: readonly HomeArea[],
  geometries: ReadonlyMap<string, Geometry>,
  { scale, marked, describe }: { scale: ColourScale; marked: string | undefined; describe: (home: HomeArea) => string },
): FeatureCollection {
  return collect(
    homes.flatMap((home) => {
      if (!home.position) return [];
      const properties = {
        title: home.name,
        text: describe(home),
        colour: pickColour(scale, home.visitors),
        isMarked: home.code === marked,
      };
      const geometry = geometries.get(home.code);
      if (geometry && "coordinates" in geometry)
        return [{ type: "Feature", geometry: geometry as Polygon, properties } satisfies Feature];
      return [makePolygon(makeRing(home.position, AREA_RADIUS_M, 24), properties)];
    }),
  );
}

/** Return hexagons that sum up home areas. */
export function makeHexagonFeatures(
  hexagons: readonly Hexagon[],
  scale: ColourScale,
  describe: (hexagon: Hexagon) => { title: string; text: string },
): FeatureCollection {
  return collect(
    hexagons.map((hexagon) =>
      makePolygon(outlineCell(hexagon.cell), {
        ...describe(hexagon),
        colour: pickColour(scale, hexagon.visitors),
        isMarked: false,
      }),
    ),
  );
}

/** Return the distance rings around a position, as lines. */
export function makeRingFeatures(centre: Position): FeatureCollection<LineString> {
  return {
    type: "FeatureCollection",
    features: RINGS_M.map((radiusM) => ({
      type: "Feature",
      geometry: { type: "LineString", coordinates: makeRing(centre, radiusM) },
      properties: {},
    })),
  };
}

/** Return the circles within which shares of the visitors live; the one of the least share has the thickest line. */
export function makeCatchmentFeatures(centre: Position, { radii }: Catchment): FeatureCollection {
  return collect(
    radii
      .filter(({ radiusM }) => radiusM > 0)
      .map(({ radiusM }, index) => makePolygon(makeRing(centre, radiusM), { width: index === 0 ? THICK_PX : THIN_PX })),
  );
}

/** Return the labels of distance rings, at their north, and of the catchment, at its south. */
export function makeRingLabels(
  centre: Position,
  {
    rings,
    catchment,
    label,
    shareLabel,
  }: {
    rings: boolean;
    catchment: Catchment | undefined;
    label: (radiusM: number) => string;
    shareLabel: (shares: number[], radiusM: number) => string;
  },
): FeatureCollection {
  const ringLabels = rings
    ? RINGS_M.map((radiusM) => makePoint(findPosition(centre, radiusM, 0), { kind: "ring", label: label(radiusM) }))
    : [];
  const shares = new Map<number, number[]>(); // few large areas may give two shares one radius
  for (const { share, radiusM } of catchment?.radii ?? []) shares.set(radiusM, [...(shares.get(radiusM) ?? []), share]);
  const catchmentLabels = [...shares].map(([radiusM, at]) =>
    makePoint(findPosition(centre, radiusM, 180), { kind: "catchment", label: shareLabel(at, radiusM) }),
  );
  return collect([...ringLabels, ...catchmentLabels]);
}

/** Return the cells of places. */
export function makeCellFeatures(zones: readonly Zones[]): FeatureCollection {
  return collect(
    zones.flatMap(({ indoor, outdoor }) => [
      ...outdoor.map((cell) => makePolygon(outlineCell(cell), { zone: "outdoor" })),
      ...indoor.map((cell) => makePolygon(outlineCell(cell), { zone: "indoor" })),
    ]),
  );
}

/** Return the zones of places that have cells and a position. */
export function readZones(places: readonly Resource<"sites" | "pois">[], positions: ReadonlyMap<string, Position>) {
  return places.flatMap((place): Zones[] => {
    const position = positions.get(place._id);
    const [indoor, outdoor] = [listCells(place.indoorIndexes), listCells(place.outdoorIndexes)];
    if (!position || indoor.length + outdoor.length === 0) return [];
    return [{ id: place._id, position, indoor, outdoor }];
  });
}
