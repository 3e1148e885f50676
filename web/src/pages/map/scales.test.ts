import { describe, expect, test } from "vitest";

import { makeDivergingScale, makeSequentialScale, pickColour, pickLegendValues, pickRadius } from "./scales";

const GREYS = ["#000000", "#808080", "#ffffff"];

describe("a sequential scale", () => {
  test("is cut at the 98th percentile, so that one outlier does not flatten it", () => {
    const values = [...Array.from({ length: 100 }, (_, index) => index), 100_000];
    const scale = makeSequentialScale(values, GREYS);
    expect(scale.most).toBe(98);
    expect(scale.isCut).toBe(true);
    expect(pickColour(scale, 100_000)).toBe("#ffffff");
  });

  test("starts at 0 and mixes the colours between", () => {
    const scale = makeSequentialScale([40, 40], GREYS);
    expect(scale).toMatchObject({ least: 0, most: 40, isCut: false });
    expect(pickColour(scale, 0)).toBe("#000000");
    expect(pickColour(scale, 10)).toBe("#404040");
    expect(pickColour(scale, 20)).toBe("#808080");
    expect(pickColour(scale, 40)).toBe("#ffffff");
  });

  test.each([[[]], [[0, 0]]])("without values above 0 has one colour", (values) => {
    const scale = makeSequentialScale(values, GREYS);
    expect(scale.most).toBe(0);
    expect(pickColour(scale, 0)).toBe("#808080");
  });

  test("of few values among many zeros reaches the largest", () => {
    expect(makeSequentialScale([...Array<number>(99).fill(0), 7], GREYS).most).toBe(7);
  });
});

test("a scale of changes has no change in its middle", () => {
  const scale = makeDivergingScale([-0.5, 0.1, 0.2], GREYS);
  expect(scale.least).toBe(-scale.most);
  expect(pickColour(scale, 0)).toBe("#808080");
  expect(pickColour(scale, -0.5)).toBe("#000000");
  expect(pickColour(scale, 9)).toBe("#ffffff");
});

test.each([
  [0, 4],
  [-5, 4],
  [25, 10],
  [100, 20],
  [900, 20],
])("the circle of %d of 100 has a radius of %d pixels", (value, radius) => {
  expect(pickRadius(value, 100, [4, 20])).toBe(radius);
});

test.each([
  [0, []],
  [Number.NaN, []],
  [1234, [100, 500, 1000]],
  [640, [50, 250, 500]],
  [0.3, [0.02, 0.1, 0.2]],
])("the legend of values up to %d shows round ones", (most, values) => {
  expect(pickLegendValues(most)).toEqual(values);
});
