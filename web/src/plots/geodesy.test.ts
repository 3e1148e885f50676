import { describe, expect, test } from "vitest";

import {
  boundsAround,
  boundsOf,
  findPosition,
  makeRing,
  measureDistance,
  type Position,
  readPosition,
} from "./geodesy";

const PARIS: Position = [2.3522, 48.8566];
const LYON: Position = [4.8357, 45.764];
const QUARTER_M = 10_007_555; // a quarter of the circumference of a sphere of 6,371,007 m

test("the distance between Paris and Lyon is that of the great circle", () => {
  expect(measureDistance(PARIS, LYON)).toBeGreaterThan(391_000);
  expect(measureDistance(PARIS, LYON)).toBeLessThan(393_000);
  expect(measureDistance(LYON, PARIS)).toBeCloseTo(measureDistance(PARIS, LYON), 6);
  expect(measureDistance(LYON, LYON)).toBe(0);
});

test("the pole is a quarter of the circumference from the equator", () => {
  expect(Math.round(measureDistance([17, 0], [17, 90]))).toBe(QUARTER_M);
});

describe.each([0, 45, 90, 200, 359])("in direction %d", (direction) => {
  test("a position is at the distance that it was made with", () => {
    expect(measureDistance(LYON, findPosition(LYON, 20_000, direction))).toBeCloseTo(20_000, 3);
  });
});

test("north is above, east is to the right", () => {
  const [north, east] = [findPosition(LYON, 1000, 0), findPosition(LYON, 1000, 90)];
  expect(north[1]).toBeGreaterThan(LYON[1]);
  expect(north[0]).toBeCloseTo(LYON[0], 9);
  expect(east[0]).toBeGreaterThan(LYON[0]);
});

test("a ring is closed, counterclockwise, and everywhere at its radius", () => {
  const ring = makeRing(LYON, 5000, 36);
  expect(ring).toHaveLength(37);
  expect(ring[36]).toEqual(ring[0]);
  for (const position of ring) expect(measureDistance(LYON, position)).toBeCloseTo(5000, 3);
  const area = ring.slice(1).reduce((sum, [x, y], index) => {
    const [left, low] = ring[index] as Position;
    return sum + left * y - x * low;
  }, 0);
  expect(area).toBeGreaterThan(0);
});

test("a ring across the antimeridian is not torn apart", () => {
  const longitudes = makeRing([179.99, -17], 20_000).map(([longitude]) => longitude);
  expect(Math.max(...longitudes) - Math.min(...longitudes)).toBeLessThan(1);
});

test("bounds hold what they are about", () => {
  const [west, south, east, north] = boundsAround(LYON, 10_000);
  expect(measureDistance([LYON[0], south], [LYON[0], north])).toBeCloseTo(20_000, 0);
  expect(LYON[0] - west).toBeCloseTo(east - LYON[0], 9);
  expect(boundsOf([PARIS, LYON])).toEqual([PARIS[0], LYON[1], LYON[0], PARIS[1]]);
  expect(boundsOf([])).toBeUndefined();
});

test("coordinates of the API may be empty", () => {
  expect(readPosition([4.8357, 45.764])).toEqual(LYON);
  expect(readPosition([])).toBeUndefined();
  expect(readPosition(null)).toBeUndefined();
});
