type Language = "en" | "fr";

const NUMBERS = { en: new Intl.NumberFormat("en"), fr: new Intl.NumberFormat("fr") };

/** Return the word for a count. French has one value in the singular below 2, English only 1. */
export function plural(count: number, one: string, many: string, language: Language = "en"): string {
  return (language === "fr" ? Math.abs(count) < 2 : count === 1) ? one : many;
}

/** Return a number with its digits in groups of three. */
export function groupDigits(count: number, language: Language = "en"): string {
  return NUMBERS[language].format(count);
}

/** Return a count with its word, such as "1,250 sites". */
export function writeCount(count: number, one: string, many: string, language: Language = "en"): string {
  return `${groupDigits(count, language)} ${plural(count, one, many, language)}`;
}
