import { useLanguage } from "~/i18n/language";

import type { Batch } from "./upload";

const MOST_LINES = 12;

/** Why lines of a batch were rejected: each reason with its lines. */
export function Reasons({ batch }: { batch: Batch }) {
  const { texts } = useLanguage();
  const { data } = texts;
  const lines = new Map<string, number[]>();
  for (const { line, reason } of batch.reasons) lines.set(reason, [...(lines.get(reason) ?? []), line]);
  if (!lines.size) return null;
  return (
    <div>
      <h3 class="reasons-title">{data.reasons}</h3>
      <ul class="reasons">
        {[...lines].map(([reason, numbers]) => (
          <li key={reason}>
            {reason}{" "}
            <span class="muted">
              {data.reasonLines(numbers.length)} {numbers.slice(0, MOST_LINES).join(", ")}
              {numbers.length > MOST_LINES ? "…" : ""}
            </span>
          </li>
        ))}
      </ul>
      {batch.rejected > batch.reasons.length ? <p class="hint">{data.firstReasons(batch.reasons.length)}</p> : null}
    </div>
  );
}
