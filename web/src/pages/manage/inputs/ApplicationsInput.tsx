import { useSession } from "~/session";

import type { InputProps } from "../kinds";
import { FieldSet } from "./FieldSet";

/** Choice of the applications of the user; none means all. */
export function ApplicationsInput({ label, hint, draft, onChange, errorAt }: InputProps<string[]>) {
  const { me } = useSession();
  return (
    <FieldSet label={label} hint={hint} error={errorAt()}>
      <div class="filter-choices">
        {(me?.applications ?? []).map(({ _id, key, name }) => (
          <label key={_id} class="filter-choice">
            <input
              type="checkbox"
              checked={draft.includes(_id)}
              onChange={(event) => {
                onChange(event.currentTarget.checked ? [...draft, _id] : draft.filter((other) => other !== _id));
              }}
            />
            <span>
              {name} <span class="muted">{key}</span>
            </span>
          </label>
        ))}
      </div>
    </FieldSet>
  );
}
