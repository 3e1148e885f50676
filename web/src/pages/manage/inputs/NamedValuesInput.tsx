import { Plus, Trash2 } from "lucide-preact";

import { useTexts } from "~/i18n/language";
import { Button } from "~/ui/Button";
import { SelectField, TextField } from "~/ui/Field";

import type { NamedValue, ValueType } from "../codecs";
import type { InputProps } from "../kinds";
import { FieldSet } from "./FieldSet";

const TYPES: readonly ValueType[] = ["text", "number", "flag"];

/** Names with their values: attributes of sites, extras of campaigns. */
export function NamedValuesInput({ label, hint, draft, onChange, errorAt, isDisabled }: InputProps<NamedValue[]>) {
  const { manage } = useTexts();
  const shown = draft.map(({ name }) => errorAt(name));
  const general = shown.some(Boolean) ? undefined : errorAt();

  function change(index: number, changes: Partial<NamedValue>): void {
    onChange(draft.map((row, position) => (position === index ? { ...row, ...changes } : row)));
  }

  return (
    <FieldSet label={label} hint={hint} error={general}>
      {draft.map((row, index) => (
        <div key={index} class="manage-row" role="group" aria-label={manage.rowOf(label, index + 1)}>
          <div class="manage-row-parts">
            <TextField
              label={manage.valueName}
              value={row.name}
              error={shown[index]}
              onInput={(name) => {
                change(index, { name });
              }}
            />
            <SelectField
              label={manage.valueType}
              value={row.type}
              options={TYPES.map((value) => ({ value, label: manage.valueTypes[value] }))}
              onChange={(type) => {
                change(index, { type, value: type === "flag" ? "true" : row.type === "flag" ? "" : row.value });
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
                  change(index, { value });
                }}
              />
            ) : (
              <TextField
                label={manage.value}
                value={row.value}
                onInput={(value) => {
                  change(index, { value });
                }}
              />
            )}
          </div>
          <Button
            kind="plain"
            label={manage.remove(row.name || manage.rowOf(label, index + 1))}
            icon={<Trash2 size={16} aria-hidden="true" />}
            disabled={isDisabled}
            onClick={() => {
              onChange(draft.filter((_, position) => position !== index));
            }}
          />
        </div>
      ))}
      <div class="row">
        <Button
          icon={<Plus size={16} aria-hidden="true" />}
          disabled={isDisabled}
          onClick={() => {
            onChange([...draft, { name: "", type: "text", value: "" }]);
          }}
        >
          {manage.addRow(label)}
        </Button>
      </div>
    </FieldSet>
  );
}
