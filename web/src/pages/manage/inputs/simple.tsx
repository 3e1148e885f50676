import { useId } from "preact/hooks";

import { useTexts } from "~/i18n/language";
import { SelectField, TextField } from "~/ui/Field";

import type { ChoiceName, InputProps } from "../kinds";
import { type Source, useSuggestions } from "./suggestions";

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
  const suggestions = useSuggestions(source);
  return (
    <TextField
      label={label}
      hint={hint}
      error={errorAt()}
      required={required ?? false}
      type={type}
      inputMode={inputMode}
      multiline={isLong}
      autocomplete="off"
      suggestions={source ? suggestions : undefined}
      value={draft}
      onInput={onChange}
    />
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
