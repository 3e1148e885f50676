import { useMemo } from "preact/hooks";

import { useResources } from "~/api/resources";
import { fieldValues } from "~/frame/filterChoices";

/** Where suggestions for a text come from: a fixed list, or the values that other resources have. */
export type Source =
  "timezones" | "currencies" | `sites.${"type" | "tags"}` | `campaigns.${"provider" | "agency" | "format" | "tags"}`;

/** Return the values that can be suggested. */
export function useSuggestions(source: Source | undefined): string[] {
  const sites = useResources(source?.startsWith("sites.") ? "sites" : null);
  const campaigns = useResources(source?.startsWith("campaigns.") ? "campaigns" : null);
  return useMemo(() => {
    if (!source) return [];
    if (source === "timezones") return Intl.supportedValuesOf("timeZone");
    if (source === "currencies") return Intl.supportedValuesOf("currency");
    return fieldValues(source, sites.data?.documents ?? [], campaigns.data?.documents ?? []).map(({ value }) => value);
  }, [source, sites.data, campaigns.data]);
}
