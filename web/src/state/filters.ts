/** Filters in the URL: one parameter `f.<filter>` for each value, such as `f.sites=paris-1`. */
import type { Module } from "~/api/questions";

const PREFIX = "f.";

/** Values by filter; `sites.attributes.region` is such a name. */
export type Filters = Readonly<Record<string, readonly string[]>>;

/** Return the filters of a query string. */
export function parseFilters(params: URLSearchParams): Filters {
  const filters: Record<string, string[]> = {};
  for (const [name, value] of params) {
    if (!name.startsWith(PREFIX) || !value) continue;
    const values = (filters[name.slice(PREFIX.length)] ??= []);
    if (!values.includes(value)) values.push(value);
  }
  return filters;
}

/** Replace all filters of a query string. */
export function writeFilters(params: URLSearchParams, filters: Filters): void {
  for (const name of [...params.keys()]) if (name.startsWith(PREFIX)) params.delete(name);
  for (const [name, values] of Object.entries(filters)) for (const value of values) params.append(PREFIX + name, value);
}

const OF_MODULE: Record<Module, readonly string[]> = {
  performance: ["sites", "tags", "channels"],
  presence: ["sites", "tags", "equipments"],
  conversion: ["sites", "tags", "campaigns", "levers", "extras"],
  "geo-marketing": ["sites", "tags", "pois", "homes", "works", "zones"],
};
const RESOURCES_OF_MODULE: Record<Module, readonly string[]> = {
  performance: ["sites"],
  presence: ["sites", "equipments"],
  conversion: ["sites", "campaigns", "extras"],
  "geo-marketing": ["sites", "pois"],
};

/** Tell whether a module's questions take a filter. */
export function hasFilter(module: Module, name: string): boolean {
  if (OF_MODULE[module].includes(name) || name === "weekdays") return true;
  return RESOURCES_OF_MODULE[module].some((resource) => name.startsWith(`${resource}.`));
}

/** Return the filters of a question to a module, without those that the module does not have. */
export function questionFilters(filters: Filters, module: Module): Record<string, (string | number)[]> | undefined {
  const entries = Object.entries(filters)
    .filter(([name]) => hasFilter(module, name))
    .map(([name, values]) => [name, name === "weekdays" ? values.map(Number) : [...values]] as const);
  return entries.length ? Object.fromEntries(entries) : undefined;
}
