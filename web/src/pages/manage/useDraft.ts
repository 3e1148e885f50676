import { useMemo, useState } from "preact/hooks";

import type { Fields } from "~/api/documents";

import { isSame, readPath, writePath } from "./codecs";
import type { FieldGroup, FieldName, FieldSpec } from "./fields";

/** What a form has: a document as the server knows it, and what the user has changed of it. */
export interface Draft {
  /** Drafts of all fields, by name. */
  values: Readonly<Record<string, unknown>>;
  set: (changes: Partial<Record<FieldName, unknown>>) => void;
  /** Body of the request: of a new document its fields, else those that differ. */
  body: Fields;
  hasChanges: boolean;
  discard: () => void;
}

/**
 * Keep the changes to a document; `null` for a new one.
 *
 * Another version of the document keeps the changes: they are then changes of that version.
 */
export function useDraft(groups: readonly FieldGroup[], document: Fields | null, initial: Fields): Draft {
  const [edits, setEdits] = useState<Record<string, unknown>>({});
  const base = document ?? initial;
  const stored = useMemo(
    () =>
      Object.fromEntries(
        groups.flatMap(({ fields }) => fields).map(({ name, kind }) => [name, kind.codec.read(readPath(base, name))]),
      ),
    [groups, base],
  );
  const values = useMemo(() => ({ ...stored, ...edits }), [stored, edits]);

  const body = useMemo(() => {
    let fields: Fields = {};
    for (const { name, kind } of listShown(groups, values, document === null)) {
      const value = kind.codec.write(values[name]);
      const isSent = document ? !isSame(value, kind.codec.write(stored[name])) : value !== null;
      if (isSent) fields = writePath(fields, name, value);
    }
    return fields;
  }, [groups, document, stored, values]);

  return {
    values,
    set: (changes) => {
      setEdits((former) => ({ ...former, ...changes }));
    },
    body,
    hasChanges: Object.keys(body).length > 0 && (document !== null || Object.keys(edits).length > 0),
    discard: () => {
      setEdits({});
    },
  };
}

/** Return the fields that a document with these values has: an online site has no place. */
export function listShown(
  groups: readonly FieldGroup[],
  values: Readonly<Record<string, unknown>>,
  isNew: boolean,
): FieldSpec[] {
  const isOnline = values["online"] === true;
  return groups
    .flatMap(({ fields }) => fields)
    .filter(({ isOffline, isForStored }) => !(isOffline && isOnline) && !(isForStored && isNew));
}
