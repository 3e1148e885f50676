import { expect, test } from "vitest";

import { findPosition, type Position } from "~/plots/geodesy";

import { computeCatchment, type HomeArea, readHomes } from "./catchment";

const SITE: Position = [4.8357, 45.764];

function makeHome(code: string, visitors: number, distanceM?: number): HomeArea {
  const position = distanceM === undefined ? undefined : findPosition(SITE, distanceM, 90);
  return { code, name: code, visitors, position, distanceM };
}

test("the radius is the distance of the area with which the share is reached", () => {
  const homes = [makeHome("far", 20, 12_000), makeHome("near", 50, 900), makeHome("between", 30, 4200)];
  expect(computeCatchment(homes, 0)?.radii).toEqual([
    { share: 0.5, radiusM: 900 },
    { share: 0.8, radiusM: 4200 },
  ]);
});

test("a share that is not quite reached needs the next area", () => {
  const homes = [makeHome("a", 49, 900), makeHome("b", 30, 4200), makeHome("c", 21, 12_000)];
  expect(computeCatchment(homes, 0)?.radii.map(({ radiusM }) => radiusM)).toEqual([4200, 12_000]);
});

test("visitors without a known home or without the place of their area are counted, but have no distance", () => {
  const catchment = computeCatchment([makeHome("a", 60, 900), makeHome("b", 40, 5000), makeHome("nowhere", 10)], 15);
  expect(catchment?.located).toBe(100);
  expect(catchment?.total).toBe(125);
  expect(catchment?.radii.map(({ radiusM }) => radiusM)).toEqual([900, 5000]);
});

test("weighted visitors that add up to a share but for a rounding reach it", () => {
  const homes = Array.from({ length: 10 }, (_, index) => makeHome(String(index), 0.1, 1000 * (index + 1)));
  expect(computeCatchment(homes, 0)?.radii.map(({ radiusM }) => radiusM)).toEqual([5000, 8000]);
});

test.each([[[]], [[makeHome("nowhere", 10)]], [[makeHome("empty", 0, 100)]]])(
  "there is no catchment without located visitors",
  (homes) => {
    expect(computeCatchment(homes, 5)).toBeUndefined();
  },
);

test("homes of an answer have their area's name and place, and the distance to the nearest site", () => {
  const near = findPosition(SITE, 2000, 0);
  const other = findPosition(SITE, 50_000, 0);
  const areas = new Map([["693820101", { name: "Lyon 1", position: near }]]);
  const groups = {
    "693820101": { all: 12.5 },
    "751010101": { all: 40, name: "Paris 1" },
    "999990101": { all: 0 },
    unknown: { all: 7 },
  };
  const { homes, unknown } = readHomes(groups, areas, [other, SITE]);
  expect(unknown).toBe(7);
  expect(homes.map(({ code, name, visitors }) => [code, name, visitors])).toEqual([
    ["751010101", "Paris 1", 40],
    ["693820101", "Lyon 1", 12.5],
  ]);
  expect(homes[0]?.distanceM).toBeUndefined();
  expect(homes[1]?.distanceM).toBeCloseTo(2000, 3);
});
