import type { Fields } from "~/api/documents";
import { useLanguage } from "~/i18n/language";
import { WEEKDAYS } from "~/state/days";
import { Button } from "~/ui/Button";
import { TextField } from "~/ui/Field";

import type { InputProps } from "../kinds";
import { FieldSet } from "./FieldSet";

/** Opening hours of each weekday as text. */
export function OpeningsInput({ label, draft, onChange, errorAt, isDisabled }: InputProps<Fields>) {
  const { texts, formats } = useLanguage();
  const monday = draft["monday"];
  const hasDayError = WEEKDAYS.some((name) => errorAt(name));
  return (
    <FieldSet label={label} hint={texts.manage.openingsHint} error={hasDayError ? undefined : errorAt()}>
      <div class="manage-grid">
        {WEEKDAYS.map((name, index) => (
          <TextField
            key={name}
            label={formats.weekday(index + 1)}
            placeholder={texts.manage.closed}
            value={String(draft[name] ?? "")}
            error={errorAt(name)}
            onInput={(value) => {
              onChange({ ...draft, [name]: value });
            }}
          />
        ))}
      </div>
      <div class="row">
        <Button
          disabled={isDisabled || !monday}
          onClick={() => {
            const days = WEEKDAYS.slice(1, 6).map((name) => [name, monday]);
            onChange({ ...draft, ...Object.fromEntries(days) });
          }}
        >
          {texts.manage.likeMonday}
        </Button>
      </div>
    </FieldSet>
  );
}
