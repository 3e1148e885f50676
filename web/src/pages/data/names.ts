import type { Texts } from "~/i18n/en";

import type { PreviewField } from "./mapping";

type DataTexts = Texts["data"];

/** Return the name of a field, for people; the field's own name if there is none. */
export function fieldLabel(texts: DataTexts, field: string): string {
  return texts.fields[field] ?? field;
}

/** Return what a field means: the page's own words, or the server's description. */
export function fieldHint(texts: DataTexts, { name, description }: PreviewField): string {
  return texts.fieldHints[name] ?? description;
}
