import { expect, test } from "vitest";

import { ApiError } from "~/api/errors";
import { en } from "~/i18n/en";
import { fr } from "~/i18n/fr";

import { describeError, listFaults } from "./Notice";

const timeout = new ApiError(503, "The question took more than 30 seconds.", "id", [], "question_timeout");

test("a refusal of the server begins with a French sentence, and ends with the server's own", () => {
  expect(describeError(timeout, fr.common)).toEqual({
    sentence: fr.common.problems["question_timeout"],
    detail: "The question took more than 30 seconds.",
  });
  expect(describeError(timeout, fr.common).sentence).toContain("trop de temps");
});

test("in English, the server's sentence stands alone", () => {
  expect(describeError(timeout, en.common)).toEqual({ sentence: "", detail: timeout.message });
});

test("a code that is not known has the server's sentence", () => {
  const error = new ApiError(418, "Tea.", null, [], "teapot");
  expect(describeError(error, fr.common)).toEqual({ sentence: "", detail: "Tea." });
});

test.each([en, fr])("what a role does not allow is said in both languages", ({ common }) => {
  const error = new ApiError(403, "This needs the role editor.", null, [], "forbidden");
  expect(describeError(error, common)).toEqual({ sentence: common.noPermission, detail: error.message });
});

test("several faults are listed with their fields, a single one is in the message", () => {
  const first = { in: "body", pointer: "/address/city", message: "Input should be a valid string." };
  const second = { in: "body", pointer: "/onlin", message: "Unknown field 'onlin'." };
  const detail = `'address.city': ${first.message}`;
  expect(listFaults(new ApiError(400, detail, null, [first], "invalid"))).toEqual([]);
  expect(
    listFaults(new ApiError(400, `The request has 2 faults. The first: ${detail}`, null, [first, second])),
  ).toEqual(["address.city: Input should be a valid string.", "Unknown field 'onlin'."]);
});

test("errors of the page itself are in the language of the user", () => {
  expect(describeError(new ApiError(0, ""), fr.common)).toEqual({ sentence: fr.common.offline, detail: "" });
  expect(describeError(new ApiError(401, fr.login.badKey), fr.common).sentence).toBe(fr.login.badKey);
});
