import type { Fields } from "~/api/documents";
import { useRemote } from "~/api/useRemote";
import { useTexts } from "~/i18n/language";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { Loaded } from "~/ui/Loading";

import { nameOf, type Place, type Section } from "./sections";

/** Asks before a resource is deleted, and says what goes with it. */
export function DeleteDialog({
  section,
  place,
  document,
  onConfirm,
  onClose,
}: {
  section: Section;
  place: Place;
  document: Fields;
  onConfirm: () => void;
  onClose: () => void;
}) {
  const { manage, common } = useTexts();
  const remote = useRemote(
    `consequences ${section.name} ${String(document["_id"])}`,
    (signal) => section.countConsequences(place, document, signal),
    { immediate: true },
  );
  const verb = manage.deleteVerb[section.name];
  return (
    <Dialog title={manage.deleteTitle(verb, nameOf(document))} onClose={onClose}>
      <p>{manage.afterDeletion[section.name]}</p>
      <Loaded remote={remote} height={24}>
        {(consequences) => {
          const present = consequences.filter(({ count }) => count > 0);
          return present.length ? (
            <ul class="manage-consequences">
              {present.map(({ name, count }) => (
                <li key={name}>{manage.consequences[name](count)}</li>
              ))}
            </ul>
          ) : null;
        }}
      </Loaded>
      <div class="row">
        <Button kind="danger" onClick={onConfirm}>
          {verb}
        </Button>
        <Button onClick={onClose}>{common.cancel}</Button>
      </div>
    </Dialog>
  );
}
