import { expect, test } from "vitest";

import { formatCamera, parseCamera } from "./camera";

test("a camera is read as it was written", () => {
  const text = formatCamera({ centre: [4.83571234, 45.76400001], zoom: 11.2345 });
  expect(text).toBe("4.83571,45.764,11.23");
  expect(parseCamera(text)).toEqual({ centre: [4.83571, 45.764], zoom: 11.23 });
});

test.each([null, "", "4.8,45.7", "4.8,45.7,", "4.8,45.7,x", "4.8,95,3", "4.8,45.7,99", "1,2,3,4"])(
  "%s names no camera",
  (text) => {
    expect(parseCamera(text)).toBeUndefined();
  },
);
