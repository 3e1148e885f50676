import { X } from "lucide-preact";

import { useLanguage } from "~/i18n/language";
import { useFrameState } from "~/state/location";
import { Button } from "~/ui/Button";

import type { PageName } from "./Frame";

/** Filters as chips that can be removed. */
export function FilterBar(_props: { page: PageName }) {
  const { texts } = useLanguage();
  const { filters, setFilters } = useFrameState();
  const entries = Object.entries(filters);
  if (!entries.length) return null;
  return (
    <div class="filter-bar row" role="group" aria-label={texts.frame.filters}>
      {entries.flatMap(([name, values]) =>
        values.map((value) => (
          <span class="chip" key={`${name} ${value}`}>
            {filterName(name, texts.filters)}: {value}
            <button
              type="button"
              aria-label={texts.frame.removeFilter(`${name}: ${value}`)}
              onClick={() => {
                setFilters({ ...filters, [name]: values.filter((other) => other !== value) });
              }}
            >
              <X size={14} aria-hidden="true" />
            </button>
          </span>
        )),
      )}
      <Button
        kind="plain"
        onClick={() => {
          setFilters({});
        }}
      >
        {texts.frame.clearFilters}
      </Button>
    </div>
  );
}

/** Return the name of a filter: that of its last part, or the attribute's own. */
export function filterName(name: string, texts: Record<string, unknown>): string {
  const last = name.split(".").at(-1) ?? name;
  const text = texts[name] ?? texts[last];
  return typeof text === "string" && !name.includes(".attributes.") ? text : last;
}
