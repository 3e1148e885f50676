import type { ComponentChildren } from "preact";

/** Inputs that are one field together, with its hint, and the error that is about none of them alone. */
export function FieldSet({
  label,
  hint,
  error,
  children,
}: {
  label: string;
  hint?: string | undefined;
  error?: string | undefined;
  children: ComponentChildren;
}) {
  return (
    <fieldset class="manage-parts">
      <legend class="field-label">{label}</legend>
      {hint ? <p class="field-hint">{hint}</p> : null}
      {error ? (
        <p class="field-error" role="alert">
          {error}
        </p>
      ) : null}
      {children}
    </fieldset>
  );
}
