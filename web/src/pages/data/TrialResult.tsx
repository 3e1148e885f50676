import { CircleCheck, CircleX } from "lucide-preact";
import { useState } from "preact/hooks";

import { useLanguage } from "~/i18n/language";
import { Notice } from "~/ui/Notice";

import type { Mapping, Preview } from "./mapping";
import { TRIED_ROWS } from "./heads";
import { fieldLabel } from "./names";
import type { Trial } from "./upload";
import { useCellFormat } from "./useCellFormat";

/** What the server made of the tried rows: each good, or rejected with its reason. */
export function TrialResult({ trial, preview, mapping }: { trial: Trial; preview: Preview; mapping: Mapping }) {
  const { texts } = useLanguage();
  const { data } = texts;
  const formatCell = useCellFormat();
  const [isOnlyBad, setOnlyBad] = useState(false);
  const { accepted, rejected } = trial;
  const fields = preview.fields.filter(({ name }) => mapping.mapper[name]);
  const lines = trial.lines.filter((line) => !isOnlyBad || !line.accepted).slice(0, TRIED_ROWS);
  return (
    <div class="stack" aria-live="polite">
      <Notice kind={!rejected ? "good" : accepted ? "warning" : "error"}>
        <p>
          {!rejected
            ? data.triedGood(accepted)
            : accepted
              ? data.triedBad(accepted, rejected)
              : data.triedNone(rejected)}
        </p>
        {trial.message ? <p>{trial.message}</p> : null}
      </Notice>
      {rejected && accepted ? (
        <label class="row">
          <input
            type="checkbox"
            checked={isOnlyBad}
            onChange={(event) => {
              setOnlyBad(event.currentTarget.checked);
            }}
          />
          {data.onlyBad}
        </label>
      ) : null}
      <div class="file-rows" tabIndex={0} role="region" aria-label={data.triedRows}>
        <table class="table file-table">
          <thead>
            <tr>
              <th scope="col" class="number">
                {data.line}
              </th>
              <th scope="col">{data.state}</th>
              {rejected ? <th scope="col">{data.reason}</th> : null}
              {fields.map(({ name, type }) => (
                <th key={name} scope="col" class={type === "number" ? "number" : ""}>
                  {fieldLabel(data, name)}
                </th>
              ))}
            </tr>
          </thead>
          <tbody>
            {lines.map((line) => (
              <tr key={line.line} class={line.accepted ? "" : "row-rejected"}>
                <td class="number">{line.line}</td>
                <td>
                  {line.accepted ? (
                    <span class="badge badge-good">
                      <CircleCheck size={14} aria-hidden="true" /> {data.good}
                    </span>
                  ) : (
                    <span class="badge badge-bad">
                      <CircleX size={14} aria-hidden="true" /> {data.rejectedRow}
                    </span>
                  )}
                </td>
                {rejected ? (
                  <td class="reason">
                    {line.errors.map(({ field, message }) => (
                      <div key={`${field} ${message}`}>
                        {field ? `${fieldLabel(data, field)}${texts.filters.colon} ` : ""}
                        {message}
                      </div>
                    ))}
                  </td>
                ) : null}
                {fields.map(({ name, type }) => (
                  <td key={name} class={type === "number" ? "number" : ""}>
                    {formatCell(line.values[name], type)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}
