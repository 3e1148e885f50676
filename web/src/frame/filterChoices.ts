/** What can be filtered by, and the values there are. */
import { listResources, type Resource } from "~/api/resources";
import type { Formats } from "~/format/formats";

export interface Choice {
  value: string;
  label: string;
}

/** Where the values of a filter come from. */
export type Source = "sites" | "campaigns" | "levers" | "pois" | "areas" | "fields" | "weekdays" | "channels";

/** Return the source of a filter's values. */
export function filterSource(name: string): Source {
  if (name === "sites" || name === "campaigns" || name === "levers" || name === "pois") return name;
  if (name === "homes" || name === "works" || name === "zones") return "areas";
  if (name === "weekdays" || name === "channels") return name;
  return "fields";
}

/** Return the distinct values of a field that sites or campaigns have, such as `sites.attributes.region`. */
export function fieldValues(
  name: string,
  sites: readonly Resource<"sites">[],
  campaigns: readonly Resource<"campaigns">[],
): Choice[] {
  const values = new Set<string>();
  const add = (value: unknown) => {
    if (Array.isArray(value)) value.forEach(add);
    else if (typeof value === "string") values.add(value);
    else if (typeof value === "number" || typeof value === "boolean") values.add(JSON.stringify(value));
  };
  const [resource, field = "", attribute = ""] = name === "tags" ? ["sites", "tags"] : name.split(".");
  if (resource === "sites")
    for (const site of sites) {
      if (field === "attributes") add((site.attributes as Record<string, unknown> | undefined)?.[attribute]);
      else if (field === "city" || field === "country" || field === "postalCode")
        add((site.address as Record<string, unknown> | undefined)?.[field]);
      else add((site as unknown as Record<string, unknown>)[field]);
    }
  else if (resource === "extras") {
    for (const campaign of campaigns) for (const { key, value } of listExtras(campaign)) if (key === field) add(value);
  } else for (const campaign of campaigns) add((campaign as unknown as Record<string, unknown>)[field]);
  return [...values]
    .sort((a, b) => a.localeCompare(b, undefined, { numeric: true }))
    .map((value) => ({ value, label: value }));
}

/** Return the extras of a campaign. */
function listExtras(campaign: Resource<"campaigns">): { key: string; value: unknown }[] {
  return (campaign.extra ?? []) as { key: string; value: unknown }[];
}

/** Return the filters that an application can have: the fixed ones, and those of attributes and extras. */
export function filterNames(
  sites: readonly Resource<"sites">[],
  campaigns: readonly Resource<"campaigns">[] = [],
): string[] {
  const extras = new Set(campaigns.flatMap((campaign) => listExtras(campaign).map(({ key }) => key)));
  const attributes = new Set<string>();
  for (const site of sites) for (const name of Object.keys(site.attributes ?? {})) attributes.add(name);
  return [
    "sites",
    "tags",
    ...[...attributes].sort().map((name) => `sites.attributes.${name}`),
    "sites.city",
    "sites.postalCode",
    "sites.country",
    "sites.type",
    "channels",
    "campaigns",
    "levers",
    "campaigns.provider",
    "campaigns.agency",
    "campaigns.format",
    "campaigns.tags",
    ...[...extras].sort().map((name) => `extras.${name}`),
    "pois",
    "homes",
    "works",
    "weekdays",
  ];
}

/** Search the values of a filter whose source is a list of resources. */
export async function searchChoices(
  application: string,
  source: "sites" | "campaigns" | "levers" | "pois" | "areas",
  text: string,
  signal: AbortSignal,
): Promise<Choice[]> {
  const query: Record<string, string | number> = { per_page: 50 };
  if (text && source !== "levers" && source !== "areas") query["q"] = text;
  if (source === "areas") {
    const { documents } = await listResources(application, "areas", { per_page: 100 }, signal);
    return match(
      documents.map(({ code, name }) => ({ value: code, label: name ? `${name} (${code})` : code })),
      text,
    );
  }
  const { documents } = await listResources(application, source, query, signal);
  const choices = documents.map(({ _id, key, name }) => ({ value: key ?? _id, label: name ?? key ?? _id }));
  return source === "levers" ? match(choices, text) : choices;
}

function match(choices: Choice[], text: string): Choice[] {
  const wanted = text.toLocaleLowerCase();
  return choices.filter(({ label }) => label.toLocaleLowerCase().includes(wanted));
}

/** Return weekdays of ISO 8601 with their names. */
export function weekdayChoices(formats: Formats): Choice[] {
  return [1, 2, 3, 4, 5, 6, 7].map((weekday) => ({ value: String(weekday), label: formats.weekday(weekday) }));
}
