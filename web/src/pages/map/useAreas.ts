import { useRef } from "preact/hooks";

import { listResources, type Resource } from "~/api/resources";
import { type Remote, useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";

const PAGE_SIZE = 100; // the most that the server gives
const AT_ONCE = 4;

export type Area = Resource<"areas">;

/** Load home areas by their codes; those that are known already are not loaded again. */
export function useAreas(codes: readonly string[] | undefined): Remote<ReadonlyMap<string, Area>> {
  const { key } = useApplication();
  const known = useRef<{ application: string; areas: Map<string, Area | null> }>({
    application: key,
    areas: new Map(),
  });
  if (known.current.application !== key) known.current = { application: key, areas: new Map() };
  const { areas } = known.current;

  return useRemote(
    codes ? `${key} ${[...codes].sort().join()}` : null,
    async (signal) => {
      const missing = (codes ?? []).filter((code) => !areas.has(code));
      const pages = Array.from({ length: Math.ceil(missing.length / PAGE_SIZE) }, (_, index) =>
        missing.slice(index * PAGE_SIZE, (index + 1) * PAGE_SIZE),
      );
      for (let start = 0; start < pages.length; start += AT_ONCE)
        await Promise.all(
          pages.slice(start, start + AT_ONCE).map(async (page) => {
            const { documents } = await listResources(key, "areas", { codes: page, per_page: PAGE_SIZE }, signal);
            for (const code of page) areas.set(code, null);
            for (const area of documents) areas.set(area.code, area);
          }),
        );
      return new Map([...areas].filter((entry): entry is [string, Area] => entry[1] !== null));
    },
    { immediate: true },
  );
}
