/** Resources of an application: sites, campaigns and the like, searched or page by page. */
import { useMemo } from "preact/hooks";

import { useApplication } from "~/application";

import { apiPath, type Schemas } from "./client";
import { listDocuments, type ListQuery, type Page } from "./documents";
import { type Remote, useRemote } from "./useRemote";

interface ResourceTypes {
  sites: Schemas["SiteAnswer"];
  pois: Schemas["PoiAnswer"];
  campaigns: Schemas["CampaignAnswer"];
  levers: Schemas["LeverAnswer"];
  studies: Schemas["StudyAnswer"];
  areas: Schemas["AreaAnswer"];
}
export type ResourceKind = keyof ResourceTypes;
export type Resource<Kind extends ResourceKind> = ResourceTypes[Kind];

const PAGE_SIZE = 100; // the most that the server gives
/** More than these are not read for choices of names; longer lists are searched. */
const MOST_READ = 1000;

/** Return a page of resources. */
export function listResources<Kind extends ResourceKind>(
  application: string,
  kind: Kind,
  query: ListQuery,
  signal?: AbortSignal,
): Promise<Page<Resource<Kind>>> {
  return listDocuments<Resource<Kind>>(apiPath("applications", application, kind), query, signal);
}

/** Return all resources of a kind, at most `MOST_READ`. */
async function listAllResources<Kind extends ResourceKind>(
  application: string,
  kind: Kind,
  signal?: AbortSignal,
): Promise<Page<Resource<Kind>>> {
  const first = await listResources(application, kind, { per_page: PAGE_SIZE, page: 1 }, signal);
  const pages = Math.ceil(Math.min(first.total, MOST_READ) / PAGE_SIZE);
  const others = await Promise.all(
    Array.from({ length: Math.max(0, pages - 1) }, (_, index) =>
      listResources(application, kind, { per_page: PAGE_SIZE, page: index + 2 }, signal),
    ),
  );
  return { documents: [first, ...others].flatMap((page) => page.documents), total: first.total };
}

/** Load all resources of a kind of the open application, at most `MOST_READ`; `null` loads nothing. */
export function useResources<Kind extends ResourceKind>(kind: Kind | null): Remote<Page<Resource<Kind>>> {
  const { key } = useApplication();
  return useRemote(kind && `${key} ${kind}`, (signal) => listAllResources(key, kind as Kind, signal), {
    immediate: true,
  });
}

/** Return the names of resources by key and by id, as far as they are known. */
export function useNames(kind: "sites" | "campaigns" | "pois", keys: readonly string[]): Map<string, string> {
  const { key } = useApplication();
  const wanted = [...keys].sort();
  const remote = useRemote(wanted.length ? JSON.stringify([key, kind, wanted]) : null, (signal) =>
    listResources(key, kind, { keys: wanted, per_page: PAGE_SIZE }, signal),
  );
  return useMemo(() => {
    const names = new Map<string, string>();
    for (const resource of remote.data?.documents ?? []) {
      const name = resource.name ?? resource.key;
      if (!name) continue;
      if (resource.key) names.set(resource.key, name);
      names.set(resource._id, name);
    }
    return names;
  }, [remote.data]);
}
