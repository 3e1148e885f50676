/** Return the word for a count. French has one value in the singular below 2, English only 1. */
export function plural(count: number, one: string, many: string, language: "en" | "fr" = "en"): string {
  return (language === "fr" ? Math.abs(count) < 2 : count === 1) ? one : many;
}
