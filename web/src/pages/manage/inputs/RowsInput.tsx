import { Plus, Trash2 } from "lucide-preact";

import type { Fields } from "~/api/documents";
import { useTexts } from "~/i18n/language";
import { Button } from "~/ui/Button";

import type { InputProps, Kind, PartName } from "../kinds";
import { FieldSet } from "./FieldSet";
import { PartInputs } from "./PartsInput";

/** List of objects, each a row of inputs. */
export function RowsInput({
  label,
  hint,
  draft,
  onChange,
  errorAt,
  isDisabled,
  kinds,
  initial,
}: InputProps<Fields[]> & { kinds: Partial<Record<PartName, Kind>>; initial: Fields }) {
  const { manage } = useTexts();
  const hasPartError = draft.some((_, index) => Object.keys(kinds).some((name) => errorAt(`${index}/${name}`)));
  return (
    <FieldSet label={label} hint={hint} error={hasPartError ? undefined : errorAt()}>
      {draft.map((row, index) => (
        <div key={index} class="manage-row" role="group" aria-label={manage.rowOf(label, index + 1)}>
          <div class="manage-row-parts">
            <PartInputs
              kinds={kinds}
              draft={row}
              isDisabled={isDisabled}
              errorAt={(part) => errorAt(part ? `${index}/${part}` : String(index))}
              onChange={(changed) => {
                onChange(draft.map((other, position) => (position === index ? changed : other)));
              }}
            />
          </div>
          <Button
            kind="plain"
            label={manage.remove(manage.rowOf(label, index + 1))}
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
            onChange([...draft, initial]);
          }}
        >
          {manage.addRow(label)}
        </Button>
      </div>
    </FieldSet>
  );
}
