import { describe, expect, it } from "vitest";

import type { Answer, Values } from "~/api/questions";

import { chooseCost, chooseFigure, needsPanel } from "./figures";

interface Given {
  now: Values;
  then?: Values;
  change?: Values;
  complete?: boolean;
}

function makeAnswer(kpis: Record<string, Given>): Answer {
  return {
    results: Object.entries(kpis).map(([kpi, { now, then, change, complete }]) => ({
      kpi,
      mode: "histogram",
      scope: "globals",
      granularity: "day",
      data: now,
      ...(then
        ? {
            comparisons: [
              { to: "previousPeriod", from: "2026-01-01", until: "2026-01-02", complete, data: then, change },
            ],
          }
        : {}),
    })),
    meta: { buckets: { day: ["2026-01-03", "2026-01-04"] } },
  } as unknown as Answer;
}

const none: Given = { now: { all: 0, temporals: { "0": 0, "1": 0 } } };
const visits: Given = {
  now: { all: 30, temporals: { "0": 10, "1": 20 } },
  then: { all: 20, temporals: { "0": 20, "1": 0 } },
  change: { all: 0.5 },
};

describe("chooseFigure", () => {
  it("takes measured visits before those of sensors and of the panel", () => {
    const answers = {
      performance: makeAnswer({ visits }),
      presence: makeAnswer({ sessions: { now: { all: 9 } } }),
      "geo-marketing": makeAnswer({ posSessions: { now: { all: 7 } } }),
    };
    expect(chooseFigure("visits", answers)).toMatchObject({ source: "performance", value: 30, changed: 0.5 });
    expect(chooseFigure("visits", { ...answers, performance: makeAnswer({ visits: none }) })?.source).toBe("presence");
  });

  it("takes a module that had values in the other period only", () => {
    const gone = { ...visits, now: none.now };
    const answers = {
      performance: makeAnswer({ visits: gone }),
      presence: makeAnswer({ sessions: { now: { all: 9 } } }),
    };
    expect(chooseFigure("visits", answers)?.source).toBe("performance");
  });

  it("shows the first module when none has values, and nothing before an answer", () => {
    expect(chooseFigure("visits", { performance: makeAnswer({ visits: none }) })?.source).toBe("performance");
    expect(chooseFigure("visits", {})).toBeUndefined();
  });

  it("has no comparison line without values", () => {
    const answers = { performance: makeAnswer({ visits: { ...visits, then: none.now } }) };
    expect(chooseFigure("visits", answers)?.compared).toBeUndefined();
  });
});

describe("needsPanel", () => {
  const performance = makeAnswer({ visits, visitors: visits });

  it("is for dwell when there are no sensors", () => {
    expect(needsPanel({ performance, presence: makeAnswer({ timespent: { now: { all: null } } }) })).toBe(true);
  });

  it("is not needed when all is measured", () => {
    expect(needsPanel({ performance, presence: makeAnswer({ timespent: { now: { all: 600 } } }) })).toBe(false);
  });
});

describe("chooseCost", () => {
  const cost: Given = {
    now: { all: 60, temporals: { "0": 20, "1": 40 } },
    then: { all: 20, temporals: { "0": 20, "1": 0 } },
    change: { all: 2 },
  };
  const performance = makeAnswer({ visits });
  const measured = chooseFigure("visits", { performance });

  it("is the cost of attributed visits when campaigns led to visits", () => {
    const conversion = makeAnswer({ costByVisit: { now: { all: 12 } }, cost });
    expect(chooseCost({ conversion }, measured)).toMatchObject({ source: "attributed", value: 12 });
  });

  it("is else all costs over all visits, of whole periods and not a mean of days", () => {
    const conversion = makeAnswer({ costByVisit: { now: { all: null } }, cost });
    const figure = chooseCost({ conversion }, measured);
    expect(figure).toMatchObject({ source: "total", value: 2, values: [2, 2], compared: [1, null] });
    expect(figure?.changed).toBeCloseTo(1); // from 1 to 2
  });

  it("compares as many days as are over", () => {
    const half = { complete: false, change: { all: 0 } };
    const answers = {
      performance: makeAnswer({ visits: { ...visits, ...half } }),
      conversion: makeAnswer({ costByVisit: { now: { all: null } }, cost: { ...cost, ...half } }),
    };
    expect(chooseCost(answers, chooseFigure("visits", answers))).toMatchObject({ value: 2, changed: 0 });
  });

  it("is unknown without costs or visits", () => {
    const conversion = makeAnswer({ costByVisit: { now: { all: null } }, cost: none });
    expect(chooseCost({ conversion }, measured)).toMatchObject({ source: "attributed", value: null });
    expect(chooseCost({ conversion }, undefined)?.value).toBeNull();
  });
});
