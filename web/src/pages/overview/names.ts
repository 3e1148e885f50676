/** Names of figures and periods. */
import type { Formats } from "~/format/formats";
import type { Texts } from "~/i18n/en";
import type { Comparison } from "~/state/period";

import type { Figure } from "./figures";

/** Return the name of a figure, by where it comes from. */
export function figureName({ id, source }: Pick<Figure, "id" | "source">, texts: Texts["overview"]): string {
  const names: Record<string, string> = texts.names[id];
  return names[source] ?? names["any"] ?? id;
}

/** Return the other period of the comparison as in "12 % more than last year". */
export function otherPeriodName(comparison: Comparison, texts: Texts["overview"]["than"], formats: Formats): string {
  if (typeof comparison === "string") return comparison === "none" ? "" : texts[comparison];
  return formats.range(comparison.from, comparison.to);
}
