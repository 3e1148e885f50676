/** Rows of rankings: sites, regions and other groups with their value and change. */
import type { Answer, Groups } from "~/api/questions";
import type { Resource } from "~/api/resources";
import { fieldValues } from "~/frame/filterChoices";

export interface RankedRow {
  id: string;
  /** What a filter names it by. */
  key: string;
  name: string;
  value: number | null;
  changed: number | null;
}

/**
 * Return the rows of an element by a scope, those of the other period only, too.
 *
 * `missing`: the value of what has no data, 0 for counts and null for averages.
 */
export function readRows(
  answer: Answer,
  scope: string,
  { unknownName, missing }: { unknownName: string; missing: 0 | null },
): RankedRow[] {
  const element = answer.results.find((one) => one.scope === scope);
  if (!element) return [];
  const now = element.data as Groups;
  const comparison = element.comparisons?.[0];
  const then = (comparison?.data ?? {}) as Groups;
  const change = (comparison?.change ?? {}) as Groups;
  return [...new Set([...Object.keys(now), ...Object.keys(then)])].map((id) => {
    const { key, name } = now[id] ?? then[id] ?? {};
    const value = now[id]?.all;
    const changed = change[id]?.all;
    return {
      id,
      key: key ?? id,
      name: name ?? key ?? (id === "unknown" ? unknownName : id),
      value: typeof value === "number" ? value : value === undefined ? missing : null,
      changed: typeof changed === "number" ? changed : null,
    };
  });
}

const MOST_GROUPS = 60;
const POSTAL_DIGITS = 2; // the department, in France

/** A grouping of sites; `question` is what `by` takes. */
export interface SiteGrouping {
  name: string;
  question: string | { of: string; digits: number };
}

/**
 * Return the groupings that tell the sites apart, their own attributes first.
 *
 * A grouping with one value says nothing, and one with a value for each site says what the sites do.
 */
export function listGroupings(sites: readonly Resource<"sites">[]): SiteGrouping[] {
  const attributes = new Set(sites.flatMap((site) => Object.keys(site.attributes ?? {})));
  const isRegion = (name: string) => /r[eé]gion|area|secteur|zone/i.test(name);
  const names = [
    ...[...attributes]
      .sort((a, b) => Number(isRegion(b)) - Number(isRegion(a)) || a.localeCompare(b))
      .map((name) => `sites.attributes.${name}`),
    "sites.type",
    "sites.tags",
    "sites.city",
    "sites.country",
  ];
  const groupings = names
    .filter((name) => {
      const count = fieldValues(name, sites, []).length;
      return count > 1 && count <= MOST_GROUPS && count < sites.length;
    })
    .map((name): SiteGrouping => ({ name, question: name }));
  const departments = new Set(
    fieldValues("sites.postalCode", sites, []).map(({ value }) => value.slice(0, POSTAL_DIGITS)),
  );
  if (departments.size > 1 && departments.size < sites.length)
    groupings.push({ name: "sites.postalCode", question: { of: "sites.postalCode", digits: POSTAL_DIGITS } });
  return groupings;
}
