import { lazy, Suspense } from "preact/compat";

import type { Fields } from "~/api/documents";
import type { ApiError } from "~/api/errors";
import { useTexts } from "~/i18n/language";
import { Skeleton } from "~/ui/Loading";

import type { FieldGroup, FieldSpec, SectionName } from "./fields";
import { type Draft, listShown } from "./useDraft";

const PlaceMap = lazy(() => import("./PlaceMap").then((module) => module.PlaceMap));

interface Props {
  group: FieldGroup;
  section: SectionName;
  draft: Draft;
  error: ApiError | undefined;
  isNew: boolean;
  isDisabled: boolean;
  isPlatformAdmin: boolean;
  document: Fields | null;
}

/** Fields that belong together. */
export function FieldGroupCard({ group, section, draft, error, isNew, isDisabled, isPlatformAdmin, document }: Props) {
  const { manage } = useTexts();
  const shown = listShown([group], draft.values, isNew);
  if (!shown.length) return null;
  const lever = section === "campaigns" && group.name === "general" ? document?.["_cachedLeverName"] : undefined;

  function renderField({ name, kind, isRequired, isWide, isDouble, isFixed, isForPlatformAdmins }: FieldSpec) {
    const isLocked = isDisabled || (isFixed && !isNew) || (isForPlatformAdmins && !isPlatformAdmin);
    const hints = manage.hints as Record<string, string | undefined>;
    return (
      <fieldset
        key={name}
        class={`manage-field ${isWide ? "manage-wide" : isDouble ? "manage-double" : ""}`}
        disabled={isLocked ?? false}
      >
        <kind.Input
          label={(manage.labels as Record<string, string | undefined>)[`${section}.${name}`] ?? manage.fields[name]}
          hint={hints[`${section}.${name}`] ?? hints[name]}
          required={isRequired}
          isDisabled={isLocked ?? false}
          draft={draft.values[name]}
          onChange={(value) => {
            draft.set({ [name]: value });
          }}
          errorAt={(part) => error?.fieldMessage(part ? `${name}/${part}` : name)}
        />
      </fieldset>
    );
  }

  const body = (
    <>
      {group.hasMap ? (
        <Suspense fallback={<Skeleton height={320} />}>
          <PlaceMap draft={draft} section={section} isDisabled={isDisabled} />
        </Suspense>
      ) : null}
      <div class="manage-grid">{shown.map(renderField)}</div>
      {typeof lever === "string" ? <p class="muted">{manage.leverOfCampaign(lever)}</p> : null}
    </>
  );
  if (group.isRare) {
    const isOpen = shown.some(({ name }) => error?.fieldMessage(name));
    return (
      <details class="card manage-rare" open={isOpen}>
        <summary>
          <h3>{manage.groups[group.name]}</h3>
        </summary>
        <div class="stack">{body}</div>
      </details>
    );
  }
  return (
    <section class="card stack">
      {shown.length === 1 && shown[0]?.isWide ? null : <h3>{manage.groups[group.name]}</h3>}
      {body}
    </section>
  );
}
