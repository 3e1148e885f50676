import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";

import type { Answer } from "~/api/questions";
import { fr } from "~/i18n/fr";

import { pickNotes } from "./AnswerNotes";

const note = (code: string, message: string) => ({ code, message });
const answer = {
  results: [],
  meta: {
    from: "2026-11-01",
    notes: [
      note("incomplete_comparison", "leaves out days"),
      note("no_events", "none from 2026-11-01 to 2026-11-30"),
      note("no_events", "none from 2026-11-01 to 2026-11-30"),
      note("no_events", "none from 2025-11-02 to 2025-11-30"),
      note("costs_left_out", "in another currency"),
    ],
  },
} as unknown as Answer;

describe("pickNotes", () => {
  it("has notes on emptiness only of empty figures, each once, and of their own period", () => {
    expect(pickNotes(answer, false).map(({ code }) => code)).toEqual(["costs_left_out"]);
    expect(pickNotes(answer, true).map(({ message }) => message)).toEqual([
      "none from 2026-11-01 to 2026-11-30",
      "in another currency",
    ]);
  });

  it("has those of other periods where there are no others", () => {
    const other = { ...answer, meta: { from: "2026-11-01", notes: [note("no_costs", "No campaign has a cost.")] } };
    expect(pickNotes(other, true)).toHaveLength(1);
  });
});

it("has a French sentence for each code of the API", () => {
  const document = JSON.parse(readFileSync("../openapi/openapi.json", "utf8")) as {
    components: { schemas: { NoteShown: { properties: { code: { description: string } } } } };
  };
  const { description } = document.components.schemas.NoteShown.properties.code;
  const codes = [...description.matchAll(/`(\w+)`/g)].map(([, code]) => code);
  expect(codes).toContain("no_events");
  expect(Object.keys(fr.frame.notes).sort()).toEqual(codes.sort());
});
