import { X } from "lucide-preact";
import { useMemo, useState } from "preact/hooks";

import { listResources, useResources } from "~/api/resources";
import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";
import { ErrorNotice } from "~/ui/Notice";

import type { InputProps } from "../kinds";

const FOUND = 50;
const SHOWN_CHIPS = 24;

/** Other resources, chosen by search. */
export function ReferencesInput({
  label,
  hint,
  draft,
  onChange,
  errorAt,
  isDisabled,
  resources,
}: InputProps<string[]> & { resources: "sites" | "pois" }) {
  const { texts, formats } = useLanguage();
  const { manage } = texts;
  const { key } = useApplication();
  const all = useResources(draft.length ? resources : null);
  const [isChoosing, setChoosing] = useState(false);
  const [isShowingAll, setShowingAll] = useState(false);
  const [text, setText] = useState("");
  const search = useRemote(isChoosing ? JSON.stringify([key, resources, text]) : null, (signal) =>
    listResources(key, resources, { per_page: FOUND, ...(text ? { q: text } : {}) }, signal),
  );
  const found = search.data?.documents ?? [];
  const names = useMemo(() => {
    const known = [...(all.data?.documents ?? []), ...(search.data?.documents ?? [])];
    return new Map(known.map((one) => [one._id, one.name ?? one.key ?? one._id]));
  }, [all.data, search.data]);
  const chips = isShowingAll ? draft : draft.slice(0, SHOWN_CHIPS);
  const missing = found.filter(({ _id }) => !draft.includes(_id));
  const error = errorAt();

  return (
    <fieldset class="manage-parts" aria-busy={search.isLoading}>
      <legend class="field-label">
        {label} {draft.length ? `(${formats.count(draft.length)})` : ""}
      </legend>
      {hint ? <p class="field-hint">{hint}</p> : null}
      {error ? (
        <p class="field-error" role="alert">
          {error}
        </p>
      ) : null}
      {draft.length ? (
        <ul class="manage-chips">
          {chips.map((id) => (
            <li key={id} class="chip">
              {names.get(id) ?? (all.isLoading ? "…" : id)}
              <button
                type="button"
                aria-label={manage.remove(names.get(id) ?? id)}
                disabled={isDisabled}
                onClick={() => {
                  onChange(draft.filter((other) => other !== id));
                }}
              >
                <X size={14} aria-hidden="true" />
              </button>
            </li>
          ))}
          {chips.length < draft.length ? (
            <li>
              <button
                type="button"
                class="link"
                onClick={() => {
                  setShowingAll(true);
                }}
              >
                {manage.showMore(draft.length - chips.length)}
              </button>
            </li>
          ) : null}
        </ul>
      ) : null}
      {isDisabled ? null : (
        <div class="row">
          <Button
            aria-expanded={isChoosing}
            onClick={() => {
              setChoosing(!isChoosing);
            }}
          >
            {isChoosing ? manage.chooseDone : manage.choose}
          </Button>
          {draft.length > 1 ? (
            <Button
              kind="plain"
              onClick={() => {
                onChange([]);
              }}
            >
              {manage.removeAll}
            </Button>
          ) : null}
        </div>
      )}
      {isChoosing && !isDisabled ? (
        <div
          class="stack manage-choosing"
          onKeyDown={(event) => {
            if (event.key === "Enter" && event.target instanceof HTMLInputElement) event.preventDefault(); // no submit
          }}
        >
          <TextField label={manage.searchIn(label)} type="search" value={text} onInput={setText} />
          {search.error ? <ErrorNotice error={search.error} onRetry={search.reload} /> : null}
          <div class="filter-choices" role="group" aria-label={label}>
            {found.map(({ _id, key: ownKey }) => (
              <label key={_id} class="filter-choice">
                <input
                  type="checkbox"
                  checked={draft.includes(_id)}
                  onChange={(event) => {
                    onChange(event.currentTarget.checked ? [...draft, _id] : draft.filter((other) => other !== _id));
                  }}
                />
                <span>
                  {names.get(_id)} {ownKey && ownKey !== names.get(_id) ? <span class="muted">{ownKey}</span> : null}
                </span>
              </label>
            ))}
            {!search.isLoading && !found.length ? <p class="muted">{texts.filters.nothing}</p> : null}
            {search.data && search.data.total > found.length ? (
              <p class="muted">{manage.firstOf(found.length, search.data.total)}</p>
            ) : null}
          </div>
          {missing.length > 1 ? (
            <div class="row">
              <Button
                onClick={() => {
                  onChange([...draft, ...missing.map(({ _id }) => _id)]);
                }}
              >
                {manage.addShown(missing.length)}
              </Button>
            </div>
          ) : null}
        </div>
      ) : null}
    </fieldset>
  );
}
