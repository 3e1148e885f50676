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

test("more categories than colours repeat them, without that of the others", () => {
  const many = assignColours(
    "many",
    Array.from({ length: 20 }, (_, index) => String(index)),
  );
  expect(many).not.toContain(REST_COLOUR);
  expect(new Set(many).size).toBe(REST_COLOUR);
});
