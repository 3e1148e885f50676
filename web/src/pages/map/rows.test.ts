import { expect, test } from "vitest";

import type { Answer } from "~/api/questions";

import { DEFINITIONS, hasFigure, matchesText, readPoiRows, readSiteRows } from "./rows";

function makeAnswer(kpi: string, scope: string, data: object, change: object = {}): Answer {
  const element = { kpi, scope, mode: "histogram", granularity: "day", data, comparisons: [{ change }] };
  return { results: [element], meta: {} } as unknown as Answer;
}

const LYON = { _id: "1", key: "lyon", name: "Lyon", active: true, coordinates: [4.8, 45.7], address: { city: "Lyon" } };
const CLOSED = { _id: "2", key: "closed", name: "Closed", active: false, coordinates: [] };
const SITES = [LYON, CLOSED, { _id: "3", name: "Online", active: true }] as never[];

test("sites have the figure and its change; closed ones only if they have a value", () => {
  const answer = makeAnswer("visits", "sites", { "1": { all: 12 } }, { "1": { all: 0.5 } });
  const rows = readSiteRows(SITES, answer, DEFINITIONS.visits);
  expect(rows).toEqual([
    { id: "1", key: "lyon", name: "Lyon", city: "Lyon", position: [4.8, 45.7], value: 12, change: 0.5 },
    { id: "3", key: "3", name: "Online", city: "", position: undefined, value: null, change: null },
  ]);
  const withClosed = makeAnswer("visits", "sites", { "2": { all: 1 } });
  expect(readSiteRows(SITES, withClosed, DEFINITIONS.visits).map(({ key }) => key)).toContain("closed");
});

test.each([
  [{}, false],
  [{ "1": { all: 0 } }, false],
  [{ "1": { all: null } }, false],
  [{ "1": { all: 3 } }, true],
])("the values %j are a figure: %s", (data, isFigure) => {
  expect(hasFigure(makeAnswer("visits", "sites", data), DEFINITIONS.visits)).toBe(isFigure);
});

test("points of interest have their stays and the distance from the site", () => {
  const pois = [{ _id: "p", key: "station", name: null, active: true, type: "station", coordinates: [4.8, 45.7] }];
  const answer = makeAnswer("poiSessions", "pois", { p: { all: 8 } });
  expect(readPoiRows(pois as never[], answer, "poiSessions", ([longitude]) => longitude * 1000)).toEqual([
    { id: "p", name: "station", type: "station", position: [4.8, 45.7], value: 8, distanceM: 4800 },
  ]);
  expect(readPoiRows(pois as never[], answer, "poiSessions", undefined)[0]?.distanceM).toBeUndefined();
});

test.each([
  ["", true],
  ["orle", true],
  ["ORLÉANS", true],
  ["45000", true],
  ["paris", false],
])("a search for %s finds Orléans: %s", (search, isMatch) => {
  expect(matchesText(search, "Maison Lumen Orléans", "45000")).toBe(isMatch);
});
