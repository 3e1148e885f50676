import { Plus, Trash2 } from "lucide-preact";
import type { ComponentChildren } from "preact";

import { useTexts } from "~/i18n/language";
import { Button } from "~/ui/Button";

interface Props<Row> {
  label: string;
  rows: readonly Row[];
  onChange: (rows: Row[]) => void;
  isDisabled: boolean;
  /** What a new row has. */
  initial: Row;
  /** Return the name of a row; rows without a name are numbered. */
  nameOf?: (row: Row) => string;
  /** Inputs of a row. */
  children: (row: Row, index: number, onChange: (row: Row) => void) => ComponentChildren;
}

/** Rows of inputs that can be removed, and a button that adds one. */
export function EditableRows<Row>({ label, rows, onChange, isDisabled, initial, nameOf, children }: Props<Row>) {
  const { manage } = useTexts();
  return (
    <>
      {rows.map((row, index) => (
        <div key={index} class="manage-row" role="group" aria-label={manage.rowOf(label, index + 1)}>
          <div class="manage-row-parts">
            {children(row, index, (changed) => {
              onChange(rows.map((other, position) => (position === index ? changed : other)));
            })}
          </div>
          <Button
            kind="plain"
            label={manage.remove(nameOf?.(row) || manage.rowOf(label, index + 1))}
            icon={<Trash2 size={16} aria-hidden="true" />}
            disabled={isDisabled}
            onClick={() => {
              onChange(rows.filter((_, position) => position !== index));
            }}
          />
        </div>
      ))}
      <div class="row">
        <Button
          icon={<Plus size={16} aria-hidden="true" />}
          disabled={isDisabled}
          onClick={() => {
            onChange([...rows, initial]);
          }}
        >
          {manage.addRow(label)}
        </Button>
      </div>
    </>
  );
}
