import { useTexts } from "~/i18n/language";
import { SelectField } from "~/ui/Field";

import type { Cube } from "./cube";
import { fieldName } from "./labels";
import type { Arrangement } from "./plotting";
import type { ExploreState } from "./state";

/** Choice of the field that is plotted, and of the group and bucket where there are too many axes for one plot. */
export function Picks({
  cube,
  state,
  arrangement,
  buckets,
  groupLabel,
  change,
}: {
  cube: Cube;
  state: ExploreState;
  arrangement: Arrangement;
  buckets: readonly { key: string; title?: string; label: string }[];
  groupLabel: string;
  change: (changes: Record<string, string | null>) => void;
}) {
  const { explore } = useTexts();
  if (cube.fields.length < 2 && !arrangement.pickGroups.length && !arrangement.pickBuckets) return null;
  return (
    <div class="result-picks no-print">
      {cube.fields.length > 1 ? (
        <SelectField
          label={explore.field}
          value={cube.field.id}
          options={cube.fields.map(({ id }) => ({ value: id, label: fieldName(id, explore) }))}
          onChange={(id) => {
            change({ show: id, plot: null });
          }}
        />
      ) : null}
      {arrangement.pickGroups.length ? (
        <SelectField
          label={groupLabel}
          value={arrangement.pickGroups.some(({ key }) => key === state.group) ? state.group : ""}
          options={[
            { value: "", label: explore.pickAll },
            ...arrangement.pickGroups.map(({ key, label }) => ({ value: key, label })),
          ]}
          onChange={(group) => {
            change({ group: group || null, plot: null });
          }}
        />
      ) : null}
      {arrangement.pickBuckets ? (
        <SelectField
          label={explore.pickBucket}
          value={cube.buckets.includes(state.bucket) ? state.bucket : ""}
          options={[
            { value: "", label: explore.pickPeriod },
            ...buckets.map(({ key, title, label }) => ({ value: key, label: title ?? label })),
          ]}
          onChange={(bucket) => {
            change({ bucket: bucket || null });
          }}
        />
      ) : null}
    </div>
  );
}
