import { expect, test } from "vitest";

import {
  changeEntry,
  fieldsByColumn,
  mapField,
  type Mapping,
  previewQuery,
  type ReadingOptions,
  writeOptions,
} from "./mapping";

const MAPPING: Mapping = {
  mapper: { user: "Client", at: "Date" },
  times: { at: "Heure" },
  units: {},
};

test("a field without a column has no time of day", () => {
  expect(mapField(MAPPING, "at", "")).toEqual({ mapper: { user: "Client" }, times: {}, units: {} });
  expect(mapField(MAPPING, "at", "Horodatage").mapper).toEqual({ user: "Client", at: "Horodatage" });
  expect(changeEntry(MAPPING, "times", "at", "").times).toEqual({});
  expect(changeEntry(MAPPING, "units", "duration_s", "min").units).toEqual({ duration_s: "min" });
});

test("a column may be in several fields", () => {
  const fields = fieldsByColumn({ ...MAPPING, mapper: { ...MAPPING.mapper, end: "Date" } });
  expect(fields.get("Date")).toEqual(["at", "end"]);
  expect(fields.get("Heure")).toEqual(["at"]);
});

test("a preview with a mapping names every field", () => {
  const params = previewQuery({ kind: "visits", mapping: MAPPING }, ["user", "at", "site"], true);
  expect(params.toString()).toBe(
    new URLSearchParams([
      ["partial", "true"],
      ["kind", "visits"],
      ["mapper[user]", "Client"],
      ["mapper[at]", "Date"],
      ["mapper[site]", ""],
    ]).toString(),
  );
});

test("options of a workbook have no encoding", () => {
  const options: ReadingOptions = {
    ...MAPPING,
    kind: "visits",
    format: "xlsx",
    encoding: null,
    delimiter: null,
    dates: null,
    timezone: "site",
    sheet: "Mai",
    hasIds: false,
  };
  expect(writeOptions(options)).toEqual([
    ["timezone", "site"],
    ["sheet", "Mai"],
    ["mapper[user]", "Client"],
    ["mapper[at]", "Date"],
    ["time[at]", "Heure"],
  ]);
});
