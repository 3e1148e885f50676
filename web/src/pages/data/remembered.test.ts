import { beforeEach, expect, test } from "vitest";

import { recallMappings, type Remembered, rememberMapping } from "./remembered";

const VISITS: Remembered = { kind: "visits", mapper: { user: "Client" }, times: {}, units: {} };

beforeEach(() => {
  localStorage.clear();
});

test("recall by application and columns in any order, the latest kind first", () => {
  rememberMapping("shops", ["Client", "Date"], VISITS);
  rememberMapping("shops", ["Date", "Client"], { ...VISITS, kind: "purchases" });
  rememberMapping("shops", ["Client", "Date"], { ...VISITS, mapper: { user: "Date" } });
  expect(recallMappings("shops", ["Date", "Client"]).map(({ kind, mapper }) => [kind, mapper["user"]])).toEqual([
    ["visits", "Date"],
    ["purchases", "Client"],
  ]);
  expect(recallMappings("others", ["Client", "Date"])).toEqual([]);
  expect(recallMappings("shops", ["Client"])).toEqual([]);
});

test("anything else in the storage is ignored", () => {
  localStorage.setItem("okube.mappings", "{");
  expect(recallMappings("shops", [])).toEqual([]);
});
