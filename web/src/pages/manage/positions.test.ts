import { expect, it } from "vitest";

import { orderedPositions } from "./positions";

const other = { _id: "other", position: null };

it("swap the positions of two neighbours", () => {
  const levers = [{ _id: "a", position: 1 }, { _id: "b", position: 5 }, { _id: "c", position: 9 }, other];
  expect(orderedPositions(levers, 0, 1)).toEqual([
    { id: "b", position: 1 },
    { id: "a", position: 5 },
  ]);
  expect(orderedPositions(levers, 2, -1)).toEqual([
    { id: "c", position: 5 },
    { id: "b", position: 9 },
  ]);
});

it("number levers anew that share a position", () => {
  const levers = [{ _id: "a", position: 1 }, { _id: "b", position: 1 }, other];
  expect(orderedPositions(levers, 1, -1)).toEqual([{ id: "a", position: 2 }]);
});
