import { ArrowLeft } from "lucide-preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { Link, useLocation } from "wouter-preact";

import { createDocument, deleteDocument, patchDocument, type Tagged } from "~/api/documents";
import { ApiError, toApiError } from "~/api/errors";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { useSession } from "~/session";
import { Button } from "~/ui/Button";
import { ErrorNotice, Notice } from "~/ui/Notice";

import { DeleteDialog } from "./DeleteDialog";
import { FieldGroupCard } from "./FieldGroupCard";
import { nameOf, type Place, type Section } from "./sections";
import { listShown, useDraft } from "./useDraft";

interface Props {
  section: Section;
  place: Place;
  /** The resource with its tag; `null` for a new one. */
  stored: Tagged | null;
  isReadOnly: boolean;
  /** Whether it has just been created. */
  isCreated?: boolean;
  onSaved: (saved: Tagged) => Promise<void>;
  /** Read it again. */
  onReload: () => void;
  listHref: string;
}

/** Form of one resource; sends what was changed, under the version that was read. */
export function ItemForm({ section, place, stored, isReadOnly, isCreated, onSaved, onReload, listHref }: Props) {
  const { texts, formats } = useLanguage();
  const { manage, common } = texts;
  const { me } = useSession();
  const { timezone } = useApplication();
  const [, navigate] = useLocation();
  const form = useRef<HTMLFormElement>(null);
  const [saved, setSaved] = useState<Tagged | null>(null);
  const current = saved ?? stored;
  const draft = useDraft(section.groups, current?.document ?? null, section.initial);
  const [error, setError] = useState<ApiError>();
  const [isConflict, setConflict] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [isDeleting, setDeleting] = useState(false);
  const [message, setMessage] = useState(isCreated ? manage.created : "");
  const names = listShown(section.groups, draft.values, current === null).map(({ name }) => name);
  const canChange = !isReadOnly && (!section.isFinal || stored === null);

  useEffect(() => {
    setSaved(null); // a version that was read later
    setConflict(false);
  }, [stored]);

  useEffect(() => {
    if (error) form.current?.querySelector<HTMLElement>("[aria-invalid]")?.focus();
  }, [error]);

  useEffect(() => {
    if (!draft.hasChanges) return;
    const warn = (event: BeforeUnloadEvent) => {
      event.preventDefault();
    };
    addEventListener("beforeunload", warn);
    return () => {
      removeEventListener("beforeunload", warn);
    };
  }, [draft.hasChanges]);

  async function run(action: () => Promise<void>): Promise<void> {
    setBusy(true);
    setError(undefined);
    setMessage("");
    try {
      await action();
    } catch (problem) {
      const shown = toApiError(problem);
      if (shown.status === 412) setConflict(true);
      else setError(shown);
    } finally {
      setBusy(false);
    }
  }

  async function save(): Promise<void> {
    if (current) {
      const path = section.itemPath(place, String(current.document["_id"]));
      const changed = await patchDocument(path, draft.body, current.etag);
      setSaved(changed);
      draft.discard();
      setMessage(manage.saved);
      await onSaved(changed);
    } else {
      const created = await createDocument(section.listPath(place), draft.body);
      draft.discard();
      await onSaved(created);
    }
  }

  async function remove(): Promise<void> {
    if (!current) return;
    setDeleting(false);
    await deleteDocument(section.itemPath(place, String(current.document["_id"])), current.etag);
    navigate(listHref, { state: { done: "deleted" } });
  }

  const title = current ? nameOf(current.document) : manage.titleOfNew[section.name];
  const updatedAt = current?.document["updatedAt"];
  return (
    <form
      ref={form}
      class="stack"
      noValidate
      aria-busy={isBusy}
      onSubmit={(event) => {
        event.preventDefault();
        void run(save);
      }}
    >
      <div class="manage-head">
        {section.name === "application" ? null : (
          <Link href={listHref} class="row">
            <ArrowLeft size={16} aria-hidden="true" />
            {manage.sections[section.name]}
          </Link>
        )}
        <h2>{title}</h2>
        {typeof updatedAt === "string" ? (
          <span class="muted">{manage.updatedAt(formats.instant(updatedAt, timezone))}</span>
        ) : null}
      </div>
      {isConflict ? (
        <Notice kind="warning">
          <p>{manage.conflict}</p>
          <div class="row">
            <Button
              onClick={() => {
                draft.discard();
                onReload();
              }}
            >
              {manage.takeTheirs}
            </Button>
            <Button onClick={onReload}>{manage.keepMine}</Button>
          </div>
        </Notice>
      ) : null}
      {error ? <FormError error={error} names={names} /> : null}
      {section.groups.map((group) => (
        <FieldGroupCard
          key={group.name}
          group={group}
          section={section.name}
          draft={draft}
          error={error}
          isNew={current === null}
          isDisabled={!canChange}
          isPlatformAdmin={me?.platformAdmin === true}
          document={current?.document ?? null}
        />
      ))}
      {isReadOnly ? null : (
        <div class="manage-actions no-print">
          {canChange ? (
            <Button kind="main" type="submit" disabled={isBusy || (current !== null && !draft.hasChanges)}>
              {current ? common.save : section.name === "users" ? manage.invite : manage.create}
            </Button>
          ) : null}
          {canChange && draft.hasChanges ? (
            <Button
              disabled={isBusy}
              onClick={() => {
                draft.discard();
                setError(undefined);
              }}
            >
              {manage.discard}
            </Button>
          ) : null}
          <span role="status" class="muted">
            {message}
          </span>
          {current && section.name !== "application" ? (
            <Button
              kind="danger"
              class="manage-delete"
              disabled={isBusy || (section.name === "levers" && current.document["key"] === "other")}
              onClick={() => {
                setDeleting(true);
              }}
            >
              {manage.deleteVerb[section.name]}
            </Button>
          ) : null}
        </div>
      )}
      {isDeleting && current ? (
        <DeleteDialog
          section={section}
          place={place}
          document={current.document}
          onConfirm={() => void run(remove)}
          onClose={() => {
            setDeleting(false);
          }}
        />
      ) : null}
    </form>
  );
}

/** What the server refused, without what is said at the fields. */
function FormError({ error, names }: { error: ApiError; names: readonly string[] }) {
  const { manage } = useLanguage().texts;
  const others = error.errors.filter(
    ({ pointer }) => !names.some((name) => pointer === `/${name}` || pointer.startsWith(`/${name}/`)),
  );
  if (!error.errors.length || others.length === error.errors.length) return <ErrorNotice error={error} />;
  if (!others.length) return <Notice kind="error">{manage.checkFields(error.errors.length)}</Notice>;
  return <ErrorNotice error={new ApiError(error.status, manage.checkFields(1), error.requestId, others)} />;
}
