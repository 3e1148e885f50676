import { X } from "lucide-preact";
import { useId, useState } from "preact/hooks";

import { useTexts } from "~/i18n/language";
import { Field, Suggestions } from "~/ui/Field";

import type { InputProps } from "../kinds";
import { type Source, useSuggestions } from "./suggestions";

/** Texts as chips; Enter, a comma, or leaving the field adds what was typed. */
export function ListInput({
  label,
  hint,
  draft,
  onChange,
  errorAt,
  isDisabled,
  source,
}: InputProps<string[]> & { source?: Source | undefined }) {
  const { manage } = useTexts();
  const id = useId();
  const [typed, setTyped] = useState("");
  const suggestions = useSuggestions(source);

  function add(text: string): void {
    const added = text
      .split(",")
      .map((part) => part.trim())
      .filter((part) => part && !draft.includes(part));
    if (added.length) onChange([...draft, ...added]);
    setTyped("");
  }

  return (
    <Field label={label} hint={hint ?? manage.listHint} error={errorAt()}>
      {(attributes) => (
        <div class="stack manage-chips-field">
          {draft.length ? (
            <ul class="manage-chips" aria-label={label}>
              {draft.map((value) => (
                <li key={value} class="chip">
                  {value}
                  <button
                    type="button"
                    aria-label={manage.remove(value)}
                    disabled={isDisabled}
                    onClick={() => {
                      onChange(draft.filter((other) => other !== value));
                    }}
                  >
                    <X size={14} aria-hidden="true" />
                  </button>
                </li>
              ))}
            </ul>
          ) : null}
          <input
            {...attributes}
            class="input"
            value={typed}
            autocomplete="off"
            list={source ? id : undefined}
            onInput={(event) => {
              const { value } = event.currentTarget;
              if (value.endsWith(",")) add(value);
              else setTyped(value);
            }}
            onKeyDown={(event) => {
              if (event.key !== "Enter" || !typed.trim()) return;
              event.preventDefault();
              add(typed);
            }}
            onBlur={() => {
              add(typed);
            }}
          />
          {source ? <Suggestions id={id} values={suggestions.filter((value) => !draft.includes(value))} /> : null}
        </div>
      )}
    </Field>
  );
}
