import { useTexts } from "~/i18n/language";
import { TextField } from "~/ui/Field";

import type { Position } from "../codecs";
import type { InputProps } from "../kinds";

const PASTED = /^\s*(-?\d{1,2}(?:\.\d+)?)\s*[,; ]\s*(-?\d{1,3}(?:\.\d+)?)\s*$/;

/** Latitude and longitude; a pair as maps on the web copy it can be pasted into the first. */
export function PositionInput({ label, hint, required, draft, onChange, errorAt }: InputProps<Position>) {
  const { manage } = useTexts();
  const error = errorAt();
  return (
    <fieldset class="manage-parts">
      <legend class="field-label">
        {label}
        {required ? <span aria-hidden="true"> *</span> : null}
      </legend>
      <div class="manage-grid">
        <TextField
          label={manage.latitude}
          value={draft.latitude}
          error={errorAt("1") ?? error}
          onInput={(latitude) => {
            const pasted = PASTED.exec(latitude);
            onChange(pasted ? { latitude: pasted[1] ?? "", longitude: pasted[2] ?? "" } : { ...draft, latitude });
          }}
        />
        <TextField
          label={manage.longitude}
          value={draft.longitude}
          error={errorAt("0")}
          onInput={(longitude) => {
            onChange({ ...draft, longitude });
          }}
        />
      </div>
      <p class="field-hint">{hint ?? manage.positionHint}</p>
    </fieldset>
  );
}
