import { useRef } from "preact/hooks";

import { useLanguage } from "~/i18n/language";

import { changeEntry, mapField, type Mapping, type Preview, type PreviewField } from "./mapping";
import { fieldHint, fieldLabel } from "./names";

interface Props {
  preview: Preview;
  mapping: Mapping;
  onChange: (mapping: Mapping) => void;
}

/** Each field of the kind with its meaning and the choice of its column; the required ones come first. */
export function FieldList({ preview, mapping, onChange }: Props) {
  const { texts } = useLanguage();
  const shown = useRef(new Set<string>()); // a field does not move away when its column is removed
  for (const { name, required } of preview.fields)
    if (required || mapping.mapper[name] || preview.missing.includes(name)) shown.current.add(name);
  const first = preview.fields.filter(({ name }) => shown.current.has(name));
  const others = preview.fields.filter(({ name }) => !shown.current.has(name));
  const isNeeded = ({ name, required }: PreviewField) => required || preview.missing.includes(name);
  first.sort((left, right) => Number(isNeeded(right)) - Number(isNeeded(left)));

  const row = (field: PreviewField) => (
    <FieldRow key={field.name} field={field} preview={preview} mapping={mapping} onChange={onChange} />
  );
  return (
    <>
      <ul class="field-rows">{first.map(row)}</ul>
      {others.length ? (
        <details class="more-fields">
          <summary>{texts.data.moreFields(others.length)}</summary>
          <ul class="field-rows">{others.map(row)}</ul>
        </details>
      ) : null}
    </>
  );
}

function FieldRow({ field, preview, mapping, onChange }: Props & { field: PreviewField }) {
  const { texts } = useLanguage();
  const { data } = texts;
  const { name, type, units } = field;
  const label = fieldLabel(data, name);
  const column = mapping.mapper[name] ?? "";
  const time = mapping.times[name] ?? "";
  const isMissing = preview.missing.includes(name);
  const columnType = preview.columns.find((one) => one.name === column)?.type;
  const hintId = `field-${name}`;
  const canHaveTime = type === "instant" && column !== "" && (columnType === "day" || time !== "");
  const unit = mapping.units[name] ?? "";
  return (
    <li class={isMissing ? "field-row-lacks" : ""}>
      <div>
        <div class="field-row-title">
          {label} {field.required ? <span class="badge">{data.required}</span> : null}
        </div>
        <div class="hint" id={hintId}>
          {fieldHint(data, field)}
        </div>
      </div>
      <div class="field-row-controls">
        <ColumnSelect
          label={data.columnOf(label)}
          describedBy={hintId}
          value={column}
          none={data.notInFile}
          preview={preview}
          isInvalid={isMissing}
          onChange={(next) => {
            onChange(mapField(mapping, name, next));
          }}
        />
        {canHaveTime ? (
          <ColumnSelect
            label={data.timeOf(label)}
            value={time}
            none={data.timeInColumn}
            preview={preview}
            onChange={(next) => {
              onChange(changeEntry(mapping, "times", name, next));
            }}
          />
        ) : null}
        {units.length && column ? (
          <select
            class="select"
            aria-label={data.unitOf(label)}
            value={unit}
            onChange={(event) => {
              onChange(changeEntry(mapping, "units", name, event.currentTarget.value));
            }}
          >
            <option value="">{data.unitDefault(defaultUnit(name, units))}</option>
            {units.map((value) => (
              <option key={value} value={value}>
                {value}
              </option>
            ))}
          </select>
        ) : null}
        {type === "instant" && columnType === "day" && !time ? <p class="hint">{data.daysOnly}</p> : null}
      </div>
    </li>
  );
}

function defaultUnit(field: string, units: readonly string[]): string {
  return field === "duration_s" ? "s" : (units[0] ?? "");
}

const LONGEST_SAMPLE = 28;

function ColumnSelect({
  label,
  describedBy,
  value,
  none,
  preview,
  isInvalid = false,
  onChange,
}: {
  label: string;
  describedBy?: string;
  value: string;
  none: string;
  preview: Preview;
  isInvalid?: boolean;
  onChange: (column: string) => void;
}) {
  return (
    <select
      class="select"
      aria-label={label}
      aria-describedby={describedBy}
      aria-invalid={isInvalid || undefined}
      value={value}
      onChange={(event) => {
        onChange(event.currentTarget.value);
      }}
    >
      <option value="">{none}</option>
      {preview.columns.map(({ name, samples }) => {
        const sample = samples[0]?.slice(0, LONGEST_SAMPLE);
        return (
          <option key={name} value={name}>
            {sample ? `${name} (${sample})` : name}
          </option>
        );
      })}
    </select>
  );
}
