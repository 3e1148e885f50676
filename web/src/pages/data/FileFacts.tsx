import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { Field, SelectField } from "~/ui/Field";

import { KIND_GROUPS } from "./kinds";
import type { Choices, Preview } from "./mapping";

const ENCODINGS = ["utf-8", "windows-1252", "iso-8859-15", "utf-16", "mac-roman", "cp850"];
const DELIMITERS = [";", ",", "\t", "|"];
const CLOSE_SCORE = 0.12; // another kind that is nearly as likely is named
const LEAST_SCORE = 0.5;

/** What a file is and how it is written: guessed, and changeable. */
export function FileFacts({
  preview,
  timezone,
  isGuessed,
  onChange,
}: {
  preview: Preview;
  timezone: string | null;
  isGuessed: boolean;
  onChange: (changes: Partial<Choices>) => void;
}) {
  const { texts } = useLanguage();
  const { data } = texts;
  const best = preview.kinds[0]?.score ?? 0;
  const alternatives = isGuessed
    ? preview.kinds.filter(
        ({ kind, score }) => kind !== preview.kind && score >= LEAST_SCORE && score >= best - CLOSE_SCORE,
      )
    : [];
  const customers = preview.kinds.find(({ kind }) => kind === preview.kind)?.customers;
  return (
    <>
      <div class="file-kind">
        <Field label={data.kind}>
          {(attributes) => (
            <select
              {...attributes}
              class="select"
              value={preview.kind}
              onChange={(event) => {
                onChange({ kind: event.currentTarget.value });
              }}
            >
              {Object.entries(KIND_GROUPS).map(([group, kinds]) => (
                <optgroup key={group} label={data.kindGroups[group as keyof typeof KIND_GROUPS]}>
                  {kinds.map((kind) => (
                    <option key={kind} value={kind}>
                      {data.kinds[kind]}
                      {isGuessed && kind === preview.kind ? ` (${data.kindGuessed})` : ""}
                    </option>
                  ))}
                </optgroup>
              ))}
            </select>
          )}
        </Field>
        <div>
          <p>{data.kindHints[preview.kind]}</p>
          {isGuessed && customers ? <p class="hint">{data.kindCustomers(customers)}</p> : null}
          {isGuessed && best < LEAST_SCORE ? <p class="hint">{data.kindUnknown}</p> : null}
          {alternatives.length ? (
            <p class="row hint">
              {data.kindUncertain("")}
              {alternatives.slice(0, 3).map(({ kind, unused }) => (
                <span key={kind}>
                  <button
                    type="button"
                    class="link"
                    onClick={() => {
                      onChange({ kind });
                    }}
                  >
                    {data.kinds[kind] ?? kind}
                  </button>
                  {unused.length ? ` ${data.kindUnused(unused.slice(0, 3).join(", "))}` : null}
                </span>
              ))}
            </p>
          ) : null}
        </div>
      </div>
      <div class="file-facts" role="group" aria-label={data.howWritten}>
        <div class="field">
          <span class="field-label">{data.format}</span>
          <span class="file-format">{data.formats[preview.format] ?? preview.format}</span>
        </div>
        {preview.sheets.length > 1 && preview.sheet ? (
          <SelectField
            label={data.sheet}
            value={preview.sheet}
            options={preview.sheets.map((value) => ({ value, label: value }))}
            onChange={(sheet) => {
              onChange({ sheet });
            }}
          />
        ) : null}
        {preview.encoding ? (
          <SelectField
            label={data.encoding}
            value={preview.encoding}
            options={[...new Set([preview.encoding, ...ENCODINGS])].map((value) => ({ value, label: value }))}
            onChange={(encoding) => {
              onChange({ encoding });
            }}
          />
        ) : null}
        {preview.delimiter ? (
          <SelectField
            label={data.delimiter}
            value={preview.delimiter}
            options={[...new Set([...DELIMITERS, preview.delimiter])].map((value) => ({
              value,
              label: data.delimiters[value] ?? value,
            }))}
            onChange={(delimiter) => {
              onChange({ delimiter });
            }}
          />
        ) : null}
        {hasDays(preview) ? (
          <SelectField
            label={data.dates}
            value={(preview.dates ?? "") as "" | "dmy" | "mdy"}
            options={(["", "dmy", "mdy"] as const).map((value) => ({ value, label: data.dateOrders[value] }))}
            onChange={(dates) => {
              onChange({ dates });
            }}
          />
        ) : null}
        {preview.fields.some(({ type }) => type === "instant") ? (
          <TimezoneField timezone={timezone} preview={preview} onChange={onChange} />
        ) : null}
      </div>
    </>
  );
}

function hasDays({ columns, format }: Preview): boolean {
  return !format.endsWith("parquet") && columns.some(({ type }) => type === "day" || type === "instant");
}

function TimezoneField({
  timezone,
  preview,
  onChange,
}: {
  timezone: string | null;
  preview: Preview;
  onChange: (changes: Partial<Choices>) => void;
}) {
  const { texts } = useLanguage();
  const { timezone: own } = useApplication();
  const namesPlace = preview.fields.some(({ name }) => ["site", "poi", "equipment"].includes(name));
  const zones = [...new Set([own, "UTC", ...Intl.supportedValuesOf("timeZone"), ...(timezone ? [timezone] : [])])];
  return (
    <SelectField
      label={texts.data.timezone}
      value={timezone ?? ""}
      options={[
        ...(preview.timezone ? [] : [{ value: "", label: texts.data.timezoneNone }]),
        ...(namesPlace ? [{ value: "site", label: texts.data.timezoneSite }] : []),
        ...zones.filter((zone) => zone !== "site").map((zone) => ({ value: zone, label: zone })),
      ]}
      onChange={(zone) => {
        onChange({ timezone: zone });
      }}
    />
  );
}
