import { Filter, X } from "lucide-preact";
import { useState } from "preact/hooks";

import { useNames } from "~/api/resources";
import { useLanguage } from "~/i18n/language";
import { useFrameState } from "~/state/location";
import { Button } from "~/ui/Button";

import { FilterDialog } from "./FilterDialog";

const NONE: readonly string[] = [];

/** Filters as chips that can be removed, and a button to add one. */
export function FilterBar() {
  const { texts, formats } = useLanguage();
  const { filters, setFilters } = useFrameState();
  const [isAdding, setAdding] = useState(false);
  const siteNames = useNames("sites", filters["sites"] ?? NONE);
  const campaignNames = useNames("campaigns", filters["campaigns"] ?? NONE);
  const entries = Object.entries(filters);

  function valueLabel(name: string, value: string): string {
    if (name === "weekdays") return formats.weekday(Number(value));
    if (name === "channels") return value === "offline" ? texts.filters.offline : texts.filters.online;
    if (name === "sites") return siteNames.get(value) ?? value;
    if (name === "campaigns") return campaignNames.get(value) ?? value;
    return value;
  }

  return (
    <div class="row" role="group" aria-label={texts.frame.filters}>
      {entries.flatMap(([name, values]) =>
        values.map((value) => {
          const label = `${filterName(name, texts.filters)}${texts.filters.colon} ${valueLabel(name, value)}`;
          return (
            <span class="chip" key={`${name} ${value}`}>
              {label}
              <button
                type="button"
                class="no-print"
                aria-label={texts.frame.removeFilter(label)}
                onClick={() => {
                  setFilters({ ...filters, [name]: values.filter((other) => other !== value) });
                }}
              >
                <X size={14} aria-hidden="true" />
              </button>
            </span>
          );
        }),
      )}
      <Button
        class="no-print"
        kind="plain"
        icon={<Filter size={16} aria-hidden="true" />}
        onClick={() => {
          setAdding(true);
        }}
      >
        {texts.frame.addFilter}
      </Button>
      {entries.length > 1 ? (
        <Button
          class="no-print"
          kind="plain"
          onClick={() => {
            setFilters({});
          }}
        >
          {texts.frame.clearFilters}
        </Button>
      ) : null}
      {isAdding ? (
        <FilterDialog
          onClose={() => {
            setAdding(false);
          }}
        />
      ) : null}
    </div>
  );
}

/** Return the name of a filter or grouping: its text, or the attribute's own name. */
export function filterName(name: string, texts: Record<string, unknown>): string {
  const [resource = "", field = "", attribute] = name.split(".");
  if (field === "attributes" || resource === "extras") return attribute ?? field;
  const text = texts[name] ?? texts[field || resource];
  return typeof text === "string" ? text : name;
}
