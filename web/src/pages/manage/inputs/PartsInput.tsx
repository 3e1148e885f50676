import type { Fields } from "~/api/documents";
import { useTexts } from "~/i18n/language";

import type { InputProps, Kind, PartName } from "../kinds";

interface Props extends InputProps<Fields> {
  kinds: Partial<Record<PartName, Kind>>;
}

/** Object whose parts have inputs of their own. */
export function PartsInput({ label, hint, ...props }: Props) {
  return (
    <fieldset class="manage-parts">
      <legend class="field-label">{label}</legend>
      {hint ? <p class="field-hint">{hint}</p> : null}
      <div class="manage-grid">
        <PartInputs {...props} />
      </div>
    </fieldset>
  );
}

/** Inputs of the parts of an object. */
export function PartInputs({ kinds, draft, onChange, errorAt, isDisabled }: Omit<Props, "label" | "hint">) {
  const { manage } = useTexts();
  return (
    <>
      {(Object.entries(kinds) as [PartName, Kind][]).map(([name, { Input }]) => (
        <Input
          key={name}
          label={manage.parts[name]}
          isDisabled={isDisabled}
          draft={draft[name]}
          onChange={(value) => {
            onChange({ ...draft, [name]: value });
          }}
          errorAt={(part) => errorAt(part ? `${name}/${part}` : name)}
        />
      ))}
    </>
  );
}
