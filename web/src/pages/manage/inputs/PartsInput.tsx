import type { Fields } from "~/api/documents";
import { useTexts } from "~/i18n/language";

import type { InputProps, Kind, PartName } from "../kinds";
import { FieldSet } from "./FieldSet";

interface Props extends InputProps<Fields> {
  kinds: Partial<Record<PartName, Kind>>;
}

/** Object whose parts have inputs of their own. */
export function PartsInput({ label, hint, ...props }: Props) {
  const hasPartError = Object.keys(props.kinds).some((name) => props.errorAt(name));
  return (
    <FieldSet label={label} hint={hint} error={hasPartError ? undefined : props.errorAt()}>
      <div class="manage-grid">
        <PartInputs {...props} />
      </div>
    </FieldSet>
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
