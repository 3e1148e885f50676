import type { Module } from "~/api/questions";
import { useLanguage } from "~/i18n/language";
import { hasFilter } from "~/state/filters";
import { useFrameState } from "~/state/location";
import { Notice } from "~/ui/Notice";

import { filterName } from "./FilterBar";

export interface FilteredFigures {
  name?: string;
  module: Module;
}

/** Say which of the filters at the top do not limit figures, because their module does not know them. */
export function FilterNotice({ figures }: { figures: readonly FilteredFigures[] }) {
  const { texts, formats } = useLanguage();
  const { filters } = useFrameState();
  const byFilters = new Map<string, string[]>();
  for (const { name, module } of figures) {
    const missing = Object.keys(filters).filter((filter) => !hasFilter(module, filter));
    if (!missing.length) continue;
    const filterNames = formats.list(missing.map((filter) => filterName(filter, texts.filters)));
    byFilters.set(filterNames, [...(byFilters.get(filterNames) ?? []), ...(name ? [name] : [])]);
  }
  if (!byFilters.size) return null;
  return (
    <Notice>
      {[...byFilters].map(([filterNames, names]) => (
        <p key={filterNames}>
          {names.length ? `${formats.list(names)}${texts.filters.colon} ` : ""}
          {texts.filters.notInModule(filterNames)}
        </p>
      ))}
    </Notice>
  );
}
