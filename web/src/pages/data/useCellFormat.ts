import { useMemo } from "preact/hooks";

import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";

const DAY = /^\d{4}-\d{2}-\d{2}$/;
const INSTANT = /^\d{4}-\d{2}-\d{2}T.*(Z|[+-]\d{2}:\d{2})$/;

/** Return a function that shows a value as the server read it: days in words, so that a wrong order is noticed. */
export function useCellFormat(): (value: unknown, type?: string) => string {
  const { formats } = useLanguage();
  const { timezone } = useApplication();
  return useMemo(() => {
    // Not grouped: postal codes are numbers, too.
    const number = new Intl.NumberFormat(formats.locale, { useGrouping: false, maximumFractionDigits: 12 });
    return (value, type) => {
      if (value === null || value === undefined) return "";
      if (typeof value === "number") return number.format(value);
      if (typeof value === "boolean") return value ? "✓" : "✗";
      const text = typeof value === "string" ? value : JSON.stringify(value);
      if (Number.isNaN(Date.parse(text))) return text; // the 26th month, by another order of day and month
      if (type === "instant" && INSTANT.test(text)) return formats.instant(text, timezone);
      return type === "day" && DAY.test(text) ? formats.day(text) : text;
    };
  }, [formats, timezone]);
}
