/** The URL is the state of the page: which application, which page, and its query string. */
import { useCallback, useMemo } from "preact/hooks";
import { useLocation, useSearch } from "wouter-preact";

import { type Comparison, formatDays, parseComparison, parsePeriod, type Preset } from "./period";
import { type Filters, parseFilters, writeFilters } from "./filters";
import type { Days } from "~/api/questions";

/** Return the path of a page of an application, below the root. */
export function pagePath(application: string, page: string): string {
  return `/a/${encodeURIComponent(application)}/${page}`;
}

/** Change parameters of the query string, `null` removes one; or all of it by a function. */
type ChangeQuery = (
  changes: Record<string, string | null> | ((params: URLSearchParams) => void),
  options?: { replace?: boolean },
) => void;

/**
 * Return the query string, and a function that changes it.
 *
 * A change is a step of the browser's history, unless `replace` is true.
 */
export function useQuery(): [URLSearchParams, ChangeQuery] {
  const search = useSearch();
  const [path, navigate] = useLocation();
  const params = useMemo(() => new URLSearchParams(search), [search]);
  const change = useCallback<ChangeQuery>(
    (changes, options = {}) => {
      const next = new URLSearchParams(location.search); // not `params`: two changes at once must both hold
      if (typeof changes === "function") changes(next);
      else
        for (const [name, value] of Object.entries(changes))
          if (value === null) next.delete(name);
          else next.set(name, value);
      const text = next.toString();
      navigate(text ? `${path}?${text}` : path, options);
    },
    [navigate, path],
  );
  return [params, change];
}

/** What stands at the top of every page: period, comparison and filters. */
export interface FrameState {
  period: Preset | Days;
  comparison: Comparison;
  filters: Filters;
  setPeriod: (period: Preset | Days) => void;
  setComparison: (comparison: Comparison) => void;
  setFilters: (filters: Filters) => void;
}

/** Return the state at the top of the page, and functions that change it. */
export function useFrameState(): FrameState {
  const [params, change] = useQuery();
  return useMemo(
    () => ({
      period: parsePeriod(params.get("period")),
      comparison: parseComparison(params.get("compare")),
      filters: parseFilters(params),
      setPeriod: (period) => {
        change({ period: typeof period === "string" ? period : formatDays(period) });
      },
      setComparison: (comparison) => {
        change({ compare: typeof comparison === "string" ? comparison : formatDays(comparison) });
      },
      setFilters: (filters) => {
        change((next) => {
          writeFilters(next, filters);
        });
      },
    }),
    [params, change],
  );
}

/** Return the query string that a link to another page takes along: period, comparison and filters. */
export function keptQuery(params: URLSearchParams): string {
  const kept = new URLSearchParams();
  for (const name of ["period", "compare"]) {
    const value = params.get(name);
    if (value !== null) kept.set(name, value);
  }
  writeFilters(kept, parseFilters(params));
  const text = kept.toString();
  return text ? `?${text}` : "";
}
