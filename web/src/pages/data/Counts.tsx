import { useLanguage } from "~/i18n/language";

import type { Batch } from "./upload";

export interface Count {
  label: string;
  value: number;
  hint?: string;
  /** Whether it stands out when it is not 0. */
  isBad?: boolean;
}

/** Numbers of a file, side by side. */
export function Counts({ counts }: { counts: readonly Count[] }) {
  const { formats } = useLanguage();
  return (
    <dl class="counts">
      {counts.map(({ label, value, hint, isBad }) => (
        <div key={label}>
          <dt>{label}</dt>
          <dd class={isBad && value ? "count-bad" : ""}>
            {formats.count(value)}
            {hint && value ? <small>{hint}</small> : null}
          </dd>
        </div>
      ))}
    </dl>
  );
}

/** Numbers of a batch. */
export function BatchCounts({ batch }: { batch: Batch }) {
  const { texts } = useLanguage();
  const { data } = texts;
  return (
    <Counts
      counts={[
        { label: data.accepted, value: batch.accepted },
        { label: data.duplicate, value: batch.duplicate, hint: data.duplicateHint },
        { label: data.rejected, value: batch.rejected, isBad: true },
        ...(batch.kind === "pings"
          ? [{ label: data.unmatched, value: batch.unmatched, hint: data.unmatchedHint }]
          : []),
      ]}
    />
  );
}
