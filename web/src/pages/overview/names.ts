/** Names of figures. */
import type { Texts } from "~/i18n/en";

import type { Figure } from "./figures";

/** Return the name of a figure, by where it comes from. */
export function figureName({ id, source }: Pick<Figure, "id" | "source">, texts: Texts["overview"]): string {
  const names: Record<string, string> = texts.names[id];
  return names[source] ?? names["any"] ?? id;
}
