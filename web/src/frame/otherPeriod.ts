import type { Formats } from "~/format/formats";
import type { Texts } from "~/i18n/en";
import type { Comparison } from "~/state/period";

/** Return the other period of the comparison as in "12 % more than last year". */
export function otherPeriodName(comparison: Comparison, texts: Texts["overview"]["than"], formats: Formats): string {
  if (typeof comparison === "string") return comparison === "none" ? "" : texts[comparison];
  return formats.range(comparison.from, comparison.to);
}
