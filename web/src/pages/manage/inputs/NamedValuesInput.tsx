import { useTexts } from "~/i18n/language";
import { SelectField, TextField } from "~/ui/Field";

import type { NamedValue, ValueType } from "../codecs";
import type { InputProps } from "../kinds";
import { EditableRows } from "./EditableRows";
import { FieldSet } from "./FieldSet";

const TYPES: readonly ValueType[] = ["text", "number", "flag"];
const EMPTY: NamedValue = { name: "", type: "text", value: "" };

/** Names with their values: attributes of sites, extras of campaigns. */
export function NamedValuesInput({ label, hint, draft, onChange, errorAt, isDisabled }: InputProps<NamedValue[]>) {
  const { manage } = useTexts();
  const shown = draft.map(({ name }) => errorAt(name));
  const general = shown.some(Boolean) ? undefined : errorAt();

  return (
    <FieldSet label={label} hint={hint} error={general}>
      <EditableRows
        label={label}
        rows={draft}
        onChange={onChange}
        isDisabled={isDisabled}
        initial={EMPTY}
        nameOf={({ name }) => name}
      >
        {(row, index, change) => (
          <>
            <TextField
              label={manage.valueName}
              value={row.name}
              error={shown[index]}
              onInput={(name) => {
                change({ ...row, name });
              }}
            />
            <SelectField
              label={manage.valueType}
              value={row.type}
              options={TYPES.map((value) => ({ value, label: manage.valueTypes[value] }))}
              onChange={(type) => {
                change({ ...row, type, value: type === "flag" ? "true" : row.type === "flag" ? "" : row.value });
              }}
            />
            {row.type === "flag" ? (
              <SelectField
                label={manage.value}
                value={row.value}
                options={["true", "false"].map((value) => ({
                  value,
                  label: value === "true" ? manage.choices.yes : manage.choices.no,
                }))}
                onChange={(value) => {
                  change({ ...row, value });
                }}
              />
            ) : (
              <TextField
                label={manage.value}
                value={row.value}
                onInput={(value) => {
                  change({ ...row, value });
                }}
              />
            )}
          </>
        )}
      </EditableRows>
    </FieldSet>
  );
}
