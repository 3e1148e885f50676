import { expect, test } from "vitest";

import { cutElements, cutLines, readHead } from "./heads";

const encode = (text: string) => new TextEncoder().encode(text) as Uint8Array<ArrayBuffer>;
const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

test.each([
  ["a;b\n1;2\n3;4\n5;6\n", 2, "a;b\n1;2\n3;4\n"],
  ["a;b\r\n1;2\r\n3;4\r\n5;6\r\n", 1, "a;b\r\n1;2\r\n"],
  ["a;b\r1;2\r3;4\r", 1, "a;b\r1;2\r"],
  ['a;b\n"1\n1";2\n3;4\n', 1, 'a;b\n"1\n1";2\n'],
  ["\n\na;b\n\n1;2\n3;4\n", 1, "\n\na;b\n\n1;2\n"],
  ["a;b\n1;2", 5, "a;b\n1;2"],
])("cut %j after %i rows", (text, rows, expected) => {
  expect(decode(cutLines({ bytes: encode(text), isPartial: false }, { rows }))).toBe(expected);
});

test("leave the cut line of a partial text out", () => {
  expect(decode(cutLines({ bytes: encode("a;b\n1;2\n3;"), isPartial: true }))).toBe("a;b\n1;2\n");
});

test("cut UTF-16", () => {
  const bytes = new Uint8Array(Array.from("é\nA\nB\n", (letter) => [letter.charCodeAt(0), 0]).flat());
  expect(cutLines({ bytes, isPartial: false }, { rows: 1, encoding: "utf-16" })).toEqual(bytes.slice(0, 8));
});

test("lines of NDJSON have no header, and quotes in them are no cells", () => {
  const text = '{"a":"x\\""}\n{"a":2}\n{"a":3}\n';
  expect(decode(cutLines({ bytes: encode(text), isPartial: false }, { rows: 2, hasHeader: false }))).toBe(
    '{"a":"x\\""}\n{"a":2}\n',
  );
});

test.each([
  ['[{"a":"]}"},{"b":[{}]},{"c":1}]', false, 2, '[{"a":"]}"},{"b":[{}]}]'],
  ['[{"a":1}]', false, 5, '[{"a":1}]'],
  ['[{"a":1},{"b":', true, 5, '[{"a":1}]'],
])("cut the array %j", (text, isPartial, rows, expected) => {
  expect(decode(cutElements({ bytes: encode(text), isPartial }, rows))).toBe(expected);
});

test("read a text in part, a workbook as a whole", async () => {
  const size = 300 * 1024;
  const text = await readHead(new Blob(["a".repeat(size)]));
  expect([text.bytes.length, text.isPartial]).toEqual([256 * 1024, true]);
  const workbook = await readHead(new Blob([`PK\x03\x04${"a".repeat(size)}`]));
  expect([workbook.bytes.length, workbook.isPartial]).toEqual([size + 4, false]);
});
