import { describe, expect, it } from "vitest";

import {
  type Codec,
  geometry,
  isSame,
  lastDay,
  list,
  namedValues,
  normalizeTime,
  number,
  numbers,
  openings,
  parts,
  position,
  readPath,
  rows,
  text,
  writePath,
} from "./codecs";

const asUnknown = <Draft>(codec: Codec<Draft>) => codec as Codec<unknown>;

describe("codecs", () => {
  it.each<[string, Codec<unknown>, unknown]>([
    ["text", asUnknown(text), "Lyon"],
    ["number", asUnknown(number), 12.5],
    ["numbers", asUnknown(numbers), [0, 300, 900]],
    ["list", asUnknown(list), ["a", "b"]],
    ["position", asUnknown(position), [4.8357, 45.764]],
    ["geometry", asUnknown(geometry), { type: "Polygon", coordinates: [] }],
    ["named values", asUnknown(namedValues), { region: "Alps", floors: 2, open: true, empty: null }],
    [
      "openings",
      asUnknown(openings),
      {
        monday: [
          ["09:00", "12:30"],
          ["14:00", "24:00"],
        ],
        note: "by appointment",
      },
    ],
    ["parts", asUnknown(parts({ city: asUnknown(text) })), { city: "Lyon", floor: "2" }],
    ["rows", asUnknown(rows({ amount: asUnknown(number) })), [{ amount: 9.5, invoice: "A1" }]],
  ])("return the value of an unchanged draft: %s", (_, codec, value) => {
    expect(codec.write(codec.read(value))).toEqual(value);
  });

  it("return null for what is empty", () => {
    const codecs = [
      text,
      number,
      numbers,
      list,
      position,
      geometry,
      namedValues,
      openings,
    ] as unknown as Codec<unknown>[];
    for (const codec of codecs) expect(codec.write(codec.read(undefined))).toBeNull();
  });

  it("read numbers with a comma, and keep what is no number for the server to refuse", () => {
    expect(number.write("1 250,5")).toBe(1250.5);
    expect(number.write("many")).toBe("many");
    expect(position.write({ longitude: "4,8", latitude: "" })).toEqual([4.8, null]);
  });

  it("end a key with its last day", () => {
    const end = lastDay.write("2030-06-30") as string;
    expect(new Date(end).getHours()).toBe(23);
    expect(lastDay.read(end)).toBe("2030-06-30");
    expect(lastDay.write("")).toBeNull();
  });

  it("read extras as a list of keys and values", () => {
    expect(namedValues.read([{ key: "wave", value: "1" }])).toEqual([{ name: "wave", type: "text", value: "1" }]);
  });

  it.each([
    ["9", "09:00"],
    ["9h30", "09:30"],
    ["9 h", "09:00"],
    ["7:30 pm", "19:30"],
    ["12 am", "00:00"],
    ["noon", "noon"],
  ])("read the time %s", (draft, time) => {
    expect(normalizeTime(draft)).toBe(time);
  });

  it("read hours of a day as people write them", () => {
    const draft = { ...openings.read({}), monday: "9h–12h30, 14 - 19:00" };
    expect(openings.write(draft)).toEqual({
      monday: [
        ["09:00", "12:30"],
        ["14:00", "19:00"],
      ],
    });
  });
});

describe("paths", () => {
  it("read and write values within objects", () => {
    const fields = writePath(writePath({ key: "a" }, "settings/stays/dwell", "expected"), "settings/country", "FR");
    expect(fields).toEqual({ key: "a", settings: { stays: { dwell: "expected" }, country: "FR" } });
    expect(readPath(fields, "settings/stays/dwell")).toBe("expected");
    expect(readPath(fields, "settings/presence/gapMinutes")).toBeUndefined();
  });

  it("do not mind the order of names", () => {
    expect(isSame({ a: 1, b: [{ c: 2, d: 3 }] }, { b: [{ d: 3, c: 2 }], a: 1 })).toBe(true);
    expect(isSame([1, 2], [2, 1])).toBe(false);
  });
});
