import { cellToBoundary, latLngToCell } from "h3-js";
import { expect, test } from "vitest";

import type { HomeArea } from "./catchment";
import { listCells, outlineCell, pickResolution, sumByHexagon } from "./cells";

test.each([
  [2, 2],
  [3, 3],
  [5.9, 4],
  [6, 5],
  [8.99, 6],
  [9, null],
  [15, null],
])("at zoom %d, homes are summed up at resolution %s", (zoom, resolution) => {
  expect(pickResolution(zoom)).toBe(resolution);
});

test("hexagons sum up the areas whose centre they hold, and lose no visitor", () => {
  const makeHome = (code: string, visitors: number, longitude?: number): HomeArea => ({
    code,
    name: code,
    visitors,
    position: longitude === undefined ? undefined : [longitude, 45.76],
    distanceM: undefined,
  });
  const homes = [makeHome("a", 10, 4.835), makeHome("b", 5.5, 4.836), makeHome("c", 2, 2.35), makeHome("nowhere", 9)];
  const hexagons = sumByHexagon(homes, 5);
  expect(hexagons).toHaveLength(2);
  expect(hexagons.find(({ cell }) => cell === latLngToCell(45.76, 4.835, 5))).toMatchObject({
    visitors: 15.5,
    areas: 2,
  });
  expect(hexagons.reduce((sum, { visitors }) => sum + visitors, 0)).toBe(17.5);
});

test("an outline is that of H3, closed", () => {
  const cell = latLngToCell(45.76, 4.835, 12);
  expect(outlineCell(cell)).toEqual(cellToBoundary(cell, true));
  expect(outlineCell(cell).at(-1)).toEqual(outlineCell(cell)[0]);
});

test("an outline across the antimeridian is in one piece", () => {
  const longitudes = outlineCell(latLngToCell(-17, 180, 3)).map(([longitude]) => longitude);
  expect(Math.max(...longitudes) - Math.min(...longitudes)).toBeLessThan(10);
});

test("cells that are none are left out", () => {
  expect(listCells({ indexes: ["8c1f902093001ff", "nonsense"] })).toEqual(["8c1f902093001ff"]);
  expect(listCells(undefined)).toEqual([]);
});
