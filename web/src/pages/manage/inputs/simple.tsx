import { useId } from "preact/hooks";

import { useTexts } from "~/i18n/language";
import { Field, SelectField } from "~/ui/Field";

import type { ChoiceName, InputProps } from "../kinds";
import { type Source, Suggestions, useSuggestions } from "./suggestions";

interface TextOptions {
  type?: string;
  inputMode?: "decimal";
  isLong?: boolean;
  source?: Source;
}

/** Field with a text, number or day. */
export function TextInput({
  label,
  hint,
  required,
  draft,
  onChange,
  errorAt,
  type = "text",
  inputMode,
  isLong,
  source,
}: InputProps<string> & TextOptions) {
  const id = useId();
  const suggestions = useSuggestions(source);
  return (
    <Field label={label} hint={hint} error={errorAt()} required={required ?? false}>
      {(attributes) =>
        isLong ? (
          <textarea
            {...attributes}
            class="input"
            value={draft}
            onInput={(event) => {
              onChange(event.currentTarget.value);
            }}
          />
        ) : (
          <>
            <input
              {...attributes}
              class="input"
              type={type}
              inputMode={inputMode}
              list={source ? id : undefined}
              value={draft}
              autocomplete="off"
              onInput={(event) => {
                onChange(event.currentTarget.value);
              }}
            />
            {source ? <Suggestions id={id} values={suggestions} /> : null}
          </>
        )
      }
    </Field>
  );
}

/** Box to check. */
export function FlagInput({ label, hint, draft, onChange, errorAt }: InputProps<boolean>) {
  const id = useId();
  const error = errorAt();
  return (
    <div class="field manage-flag">
      <label>
        <input
          type="checkbox"
          checked={draft}
          aria-describedby={hint ? id : undefined}
          onChange={(event) => {
            onChange(event.currentTarget.checked);
          }}
        />
        {label}
      </label>
      {hint ? (
        <div class="field-hint" id={id}>
          {hint}
        </div>
      ) : null}
      {error ? (
        <div class="field-error" role="alert">
          {error}
        </div>
      ) : null}
    </div>
  );
}

/** Choice of one. */
export function ChoiceInput({
  label,
  hint,
  required,
  draft,
  onChange,
  errorAt,
  options,
  isOptional,
}: InputProps<string> & { options: readonly ChoiceName[]; isOptional: boolean }) {
  const { manage } = useTexts();
  const choices = options.map((value) => ({ value: value as string, label: manage.choices[value] }));
  return (
    <SelectField
      label={label}
      hint={hint}
      error={errorAt()}
      required={required ?? false}
      value={draft}
      options={isOptional ? [{ value: "", label: "–" }, ...choices] : choices}
      onChange={onChange}
    />
  );
}
