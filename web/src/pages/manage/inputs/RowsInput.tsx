import type { Fields } from "~/api/documents";

import type { InputProps, Kind, PartName } from "../kinds";
import { EditableRows } from "./EditableRows";
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
  const hasPartError = draft.some((_, index) => Object.keys(kinds).some((name) => errorAt(`${index}/${name}`)));
  return (
    <FieldSet label={label} hint={hint} error={hasPartError ? undefined : errorAt()}>
      <EditableRows label={label} rows={draft} onChange={onChange} isDisabled={isDisabled} initial={initial}>
        {(row, index, change) => (
          <PartInputs
            kinds={kinds}
            draft={row}
            isDisabled={isDisabled}
            errorAt={(part) => errorAt(part ? `${index}/${part}` : String(index))}
            onChange={change}
          />
        )}
      </EditableRows>
    </FieldSet>
  );
}
