import { useState } from "preact/hooks";
import { useLocation } from "wouter-preact";
import { useHistoryState } from "wouter-preact/use-browser-location";

import type { Fields, Tagged } from "~/api/documents";
import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useTexts } from "~/i18n/language";
import { useSession } from "~/session";
import { pagePath } from "~/state/location";
import { Loaded } from "~/ui/Loading";
import { Notice } from "~/ui/Notice";

import { ItemForm } from "./ItemForm";
import { SecretDialog } from "./SecretDialog";
import { isAtLeast, type Place, type Section } from "./sections";

/** What the page before has done, to be said on this one. */
export interface Done {
  done?: "created" | "saved" | "deleted";
}

/** Form of a resource, or of a new one. */
export function ItemPage({
  section,
  place,
  item,
  pathOf,
}: {
  section: Section;
  place: Place;
  /** Id; `null` for a new one. */
  item: string | null;
  /** Return the path of the page of an item, of the list without one. */
  pathOf: (item?: string) => string;
}) {
  const { manage } = useTexts();
  const { role, reload, key } = useApplication();
  const { me, reload: reloadMe } = useSession();
  const [, navigate] = useLocation();
  const state = useHistoryState<Done | null>();
  const [secret, setSecret] = useState<Fields | null>(null);
  const canRead = isAtLeast(role, section.readRole);
  const remote = useRemote(
    item === null || !canRead ? null : `${section.name} ${section.itemPath(place, item)}`,
    (signal) => section.read(place, item ?? "", signal),
    { immediate: true },
  );

  const isReadOnly = !isAtLeast(role, section.role) || (section.name === "keys" && me?.isApiKey === true);
  const reason =
    section.name === "keys" && me?.isApiKey ? manage.noKeysByKey : isReadOnly ? manage.needs[section.role] : null;

  async function finish({ document }: Tagged): Promise<void> {
    if (section.name === "application") {
      await reloadMe();
      if (document["key"] === key) reload();
      else navigate(pagePath(String(document["key"]), "manage/application"), { replace: true });
    } else if (item === null) {
      if (document["token"] || section.name === "users") setSecret(document);
      else navigate(pathOf(String(document["_id"])), { replace: true, state: { done: "created" } });
    }
  }

  if (!canRead) return <Notice>{manage.needsToSee}</Notice>;
  return (
    <>
      {reason ? <Notice>{reason}</Notice> : null}
      {item === null ? (
        <ItemForm
          section={section}
          place={place}
          stored={null}
          isReadOnly={isReadOnly}
          onSaved={finish}
          onReload={() => undefined}
          listHref={pathOf()}
        />
      ) : (
        <Loaded remote={remote} height={480}>
          {(stored) => (
            <ItemForm
              key={item}
              section={section}
              place={place}
              stored={stored}
              isReadOnly={isReadOnly}
              isCreated={state?.done === "created"}
              onSaved={finish}
              onReload={remote.reload}
              listHref={pathOf()}
            />
          )}
        </Loaded>
      )}
      {secret ? (
        <SecretDialog
          section={section.name === "users" ? "users" : "keys"}
          document={secret}
          onClose={() => {
            navigate(pathOf(), { replace: true });
          }}
        />
      ) : null}
    </>
  );
}
