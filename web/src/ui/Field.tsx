import type { ComponentChildren } from "preact";
import { useId } from "preact/hooks";

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  /** The server's message about this field. */
  error?: string | undefined;
  required?: boolean;
  children: (attributes: {
    id: string;
    "aria-describedby"?: string;
    "aria-invalid"?: boolean;
    required?: boolean;
  }) => ComponentChildren;
}

/** Label, input, hint and error of one field of a form. */
export function Field({ label, hint, error, required, children }: FieldProps) {
  const id = useId();
  const described = [hint ? `${id}-hint` : "", error ? `${id}-error` : ""].filter(Boolean).join(" ");
  return (
    <div class="field">
      <label class="field-label" for={id}>
        {label}
        {required ? <span aria-hidden="true"> *</span> : null}
      </label>
      {children({
        id,
        ...(described ? { "aria-describedby": described } : {}),
        ...(error ? { "aria-invalid": true } : {}),
        ...(required ? { required: true } : {}),
      })}
      {hint ? (
        <div class="field-hint" id={`${id}-hint`}>
          {hint}
        </div>
      ) : null}
      {error ? (
        <div class="field-error" id={`${id}-error`} role="alert">
          {error}
        </div>
      ) : null}
    </div>
  );
}

interface TextFieldProps extends Omit<FieldProps, "children"> {
  value: string;
  onInput: (value: string) => void;
  type?: string;
  inputMode?: "decimal" | undefined;
  autocomplete?: string;
  placeholder?: string;
  multiline?: boolean | undefined;
  /** Values to suggest while one types. */
  suggestions?: readonly string[] | undefined;
}

/** Field with a text. */
export function TextField({
  value,
  onInput,
  type = "text",
  inputMode,
  autocomplete,
  placeholder,
  multiline,
  suggestions,
  ...field
}: TextFieldProps) {
  const listId = useId();
  return (
    <Field {...field}>
      {(attributes) =>
        multiline ? (
          <textarea
            {...attributes}
            class="input"
            value={value}
            onInput={(event) => {
              onInput(event.currentTarget.value);
            }}
          />
        ) : (
          <>
            <input
              {...attributes}
              class="input"
              type={type}
              inputMode={inputMode}
              list={suggestions ? listId : undefined}
              value={value}
              autocomplete={autocomplete as "off"}
              placeholder={placeholder}
              onInput={(event) => {
                onInput(event.currentTarget.value);
              }}
            />
            {suggestions ? <Suggestions id={listId} values={suggestions} /> : null}
          </>
        )
      }
    </Field>
  );
}

/** Options that a text field suggests while one types. */
export function Suggestions({ id, values }: { id: string; values: readonly string[] }) {
  return (
    <datalist id={id}>
      {values.map((value) => (
        <option key={value} value={value} />
      ))}
    </datalist>
  );
}

interface SelectFieldProps<T extends string> extends Omit<FieldProps, "children"> {
  value: T;
  options: readonly { value: T; label: string; disabled?: boolean; title?: string }[];
  onChange: (value: T) => void;
}

/** Field with a choice of one. */
export function SelectField<T extends string>({ value, options, onChange, ...field }: SelectFieldProps<T>) {
  return (
    <Field {...field}>
      {(attributes) => (
        <select
          {...attributes}
          class="select"
          value={value}
          onChange={(event) => {
            onChange(event.currentTarget.value as T);
          }}
        >
          {options.map((option) => (
            <option key={option.value} value={option.value} disabled={option.disabled} title={option.title}>
              {option.label}
            </option>
          ))}
        </select>
      )}
    </Field>
  );
}
