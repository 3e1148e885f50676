import { Link } from "wouter-preact";

import { listResources } from "~/api/resources";
import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { pagePath } from "~/state/location";
import { Notice } from "~/ui/Notice";

import { FileButton } from "./DropZone";
import { neededResource, type NeededResource } from "./kinds";

/** Say what must be brought first, when the application has none of what events of this kind name. */
export function FirstThings({ kind, addFiles }: { kind: string; addFiles: (files: File[]) => void }) {
  const { texts } = useLanguage();
  const { key } = useApplication();
  const resource = neededResource(kind);
  const remote = useRemote(resource ? `${key} ${resource}` : null, (signal) =>
    listResources(key, resource as NeededResource, { per_page: 0 }, signal),
  );
  if (!resource || remote.isLoading || remote.data?.total !== 0) return null;
  const { data } = texts;
  const name = data.kinds[kind] ?? kind;
  return (
    <Notice kind="warning">
      <p>
        <strong>{data.first[resource]}.</strong> {data.firstTexts[kind] ?? data.firstText[resource](name)}
      </p>
      <div class="row notice-actions">
        <FileButton label={data.bringKind(data.kinds[resource] ?? resource)} onFiles={addFiles} />
        <Link class="button button-plain" href={pagePath(key, `manage/${resource}`)}>
          {data.manageKind(data.manageNames[resource] ?? resource)}
        </Link>
      </div>
    </Notice>
  );
}
