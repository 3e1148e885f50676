import type { Polygon } from "geojson";
import { latLngToCell } from "h3-js";
import { expect, test } from "vitest";

import { measureDistance, type Position } from "~/plots/geodesy";

import type { HomeArea } from "./catchment";
import {
  type Geometry,
  makeAreaFeatures,
  makeCatchmentFeatures,
  makeCellFeatures,
  makeRingFeatures,
  makeRingLabels,
  makeSiteFeatures,
  RINGS_M,
  readZones,
} from "./features";
import type { SiteRow } from "./rows";

const LYON: Position = [4.8357, 45.764];
const SCALE = { least: 0, most: 100, colours: ["#000000", "#ffffff"], isCut: false };

function makeSite(id: string, value: number | null, position: Position | undefined = LYON): SiteRow {
  return { id, key: id, name: id, city: "", position, value, change: null };
}

test("sites are circles by their value; those without a position are left out", () => {
  const rows = [
    makeSite("a", 100),
    makeSite("b", 25),
    makeSite("c", null),
    { ...makeSite("d", 9), position: undefined },
  ];
  const { features } = makeSiteFeatures(rows, {
    most: 100,
    colour: ({ value }) => (value === null ? undefined : "#123456"),
    plainColour: "#ffffff",
    selected: "b",
    describe: ({ id }) => `site ${id}`,
  });
  expect(features.map(({ properties }) => properties?.["id"])).toEqual(["a", "b", "c"]);
  expect(features.map(({ properties }) => properties?.["radius"])).toEqual([22, 11, 4]);
  expect(features.map(({ properties }) => properties?.["colour"])).toEqual(["#123456", "#123456", "#ffffff"]);
  expect(features.map(({ properties }) => properties?.["isSelected"])).toEqual([false, true, false]);
});

test("areas have their outline, or a circle around their centre", () => {
  const home: HomeArea = { code: "a", name: "A", visitors: 50, position: LYON, distanceM: 0 };
  const square: Polygon = { type: "Polygon", coordinates: [[[0, 0], [1, 0], [1, 1], [0, 0]]] }; // prettier-ignore
  const homes = [home, { ...home, code: "b" }, { ...home, code: "c", position: undefined }];
  const geometries = new Map<string, Geometry>([
    ["a", square as Geometry],
    ["b", {}],
  ]);
  const { features } = makeAreaFeatures(homes, geometries, { scale: SCALE, marked: "b", describe: () => "" });
  expect(features).toHaveLength(2);
  expect(features[0]?.geometry).toEqual(square);
  const [ring = []] = (features[1]?.geometry as Polygon).coordinates;
  for (const position of ring) expect(measureDistance(LYON, position as Position)).toBeCloseTo(700, 3);
  expect(features.map(({ properties }) => properties?.["isMarked"])).toEqual([false, true]);
});

test("rings are at their distances", () => {
  const radii = makeRingFeatures(LYON).features.map(({ geometry }) =>
    Math.round(measureDistance(LYON, geometry.coordinates[0] as Position)),
  );
  expect(radii).toEqual([...RINGS_M]);
});

test("shares with one radius have one label", () => {
  const catchment = { located: 10, total: 10, radii: [{ share: 0.5, radiusM: 3000 }, { share: 0.8, radiusM: 3000 }] }; // prettier-ignore
  const { features } = makeRingLabels(LYON, {
    rings: false,
    catchment,
    label: String,
    shareLabel: (shares, radiusM) => `${shares.join("+")} ${radiusM}`,
  });
  expect(features.map(({ properties }) => properties?.["label"])).toEqual(["0.5+0.8 3000"]);
  expect(makeCatchmentFeatures(LYON, { ...catchment, radii: [{ share: 0.5, radiusM: 0 }] }).features).toEqual([]);
});

test("cells are drawn by zone, the outer ones below", () => {
  const cell = latLngToCell(45.764, 4.8357, 12);
  const site = { _id: "a", indoorIndexes: { indexes: [cell] }, outdoorIndexes: { indexes: [cell, "none"] } };
  const zones = readZones([site as never, { _id: "b" } as never], new Map([["a", LYON], ["b", LYON]])); // prettier-ignore
  expect(zones).toEqual([{ id: "a", position: LYON, indoor: [cell], outdoor: [cell] }]);
  expect(makeCellFeatures(zones).features.map(({ properties }) => properties?.["zone"])).toEqual(["outdoor", "indoor"]);
});
