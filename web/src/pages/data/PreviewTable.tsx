import { useLanguage } from "~/i18n/language";

import { fieldsByColumn, type Mapping, type Preview } from "./mapping";
import { fieldLabel } from "./names";
import { useCellFormat } from "./useCellFormat";

/** The first rows as the server reads them; above each column, what it is. */
export function PreviewTable({ preview, mapping }: { preview: Preview; mapping: Mapping }) {
  const { texts } = useLanguage();
  const formatCell = useCellFormat();
  const fields = fieldsByColumn(mapping);
  if (!preview.rows.length) return <p class="muted">{texts.data.noRows}</p>;
  return (
    <div class="file-rows" tabIndex={0} role="region" aria-label={texts.data.rows}>
      <table class="table file-table">
        <thead>
          <tr>
            {preview.columns.map(({ name, type }) => (
              <th key={name} scope="col" class={type === "number" ? "number" : ""}>
                {name}
                <small>
                  {fields.has(name) ? (
                    <span class="badge badge-accent">
                      {[...new Set(fields.get(name))].map((field) => fieldLabel(texts.data, field)).join(", ")}
                    </span>
                  ) : (
                    texts.data.notUsed
                  )}
                </small>
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {preview.rows.map((row, index) => (
            <tr key={index}>
              {preview.columns.map(({ name, type }, position) => (
                <td key={name} class={`${type === "number" ? "number" : ""} ${fields.has(name) ? "" : "unused"}`}>
                  {formatCell(row[position], type)}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
