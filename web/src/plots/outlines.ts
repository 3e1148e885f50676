/** Outlines of the world's countries, of Natural Earth (1:50 million), loaded when a map is opened. */
import type { Feature, FeatureCollection, MultiLineString } from "geojson";
import { feature, mesh } from "topojson-client";
import type { GeometryCollection, Topology } from "topojson-specification";
import outlinesUrl from "world-atlas/countries-50m.json?url";

export interface Outlines {
  land: FeatureCollection;
  /** Lines between two countries; coasts are the edge of the land. */
  borders: Feature<MultiLineString>;
}

type World = Topology<{ countries: GeometryCollection }>;

let outlines: Promise<Outlines> | undefined;

/** Return the outlines, loaded once; rejected when the server cannot be reached. */
export function loadOutlines(): Promise<Outlines> {
  outlines ??= readOutlines().catch((error: unknown) => {
    outlines = undefined;
    throw error;
  });
  return outlines;
}

async function readOutlines(): Promise<Outlines> {
  const response = await fetch(outlinesUrl);
  if (!response.ok) throw new Error(`The outlines of countries cannot be loaded (${response.status}).`);
  const world = (await response.json()) as World;
  const { countries } = world.objects;
  const borders = mesh(world, countries, (left, right) => left !== right);
  return {
    land: feature(world, countries), // the outline of all Eurasia leaves holes where tiles cut it
    borders: { type: "Feature", properties: {}, geometry: borders },
  };
}
