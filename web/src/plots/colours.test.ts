import { expect, test } from "vitest";

import { assignColours, REST_COLOUR } from "./colours";

test("a category keeps its colour on other plots, and two of a plot differ", () => {
  const first = assignColours("sites", ["a", "b", "c"]);
  expect(new Set(first).size).toBe(3);
  expect(assignColours("sites", ["c", "a"])).toEqual([first[2], first[0]]);
  const more = assignColours("sites", ["d", "b", "e"]);
  expect(more[1]).toBe(first[1]);
  expect(new Set(more).size).toBe(3);
});

test.each([
  [7, 7],
  [8, 8],
  [20, 8],
])("%i categories have %i colours", (count, expected) => {
  const colours = assignColours(`kind ${count}`, names(count));
  expect(new Set(colours).size).toBe(expected);
  expect(colours.includes(REST_COLOUR)).toBe(count > REST_COLOUR);
});

test("the colour of the others is theirs where there are fewer categories", () => {
  expect(assignColours("kind of eight", names(8))).toContain(REST_COLOUR);
  expect(assignColours("kind of eight", names(8).slice(5))).not.toContain(REST_COLOUR);
});

function names(count: number): string[] {
  return Array.from({ length: count }, (_, index) => String(index));
}
