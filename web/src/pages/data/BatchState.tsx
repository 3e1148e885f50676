import { useLanguage, useTexts } from "~/i18n/language";

import type { Batch } from "./upload";

const COLOURS: Record<string, string> = {
  visible: "badge-good",
  refused: "badge-bad",
  interrupted: "badge-bad",
  receiving: "badge-warn",
  waiting: "badge-warn",
  removing: "badge-warn",
};

/** State of a batch in one or two words. */
export function BatchState({ batch }: { batch: Batch }) {
  const { texts } = useLanguage();
  return (
    <span class={`badge ${COLOURS[batch.state] ?? ""}`} title={texts.data.stateHints[batch.state]}>
      {texts.data.states[batch.state] ?? batch.state}
    </span>
  );
}

/** What should be known about the events of a batch that were taken. */
export function Remarks({ batch }: { batch: Batch }) {
  const texts = useTexts();
  const remarks = Object.entries(texts.data.remarks).flatMap(([name, write]) => {
    const count = batch[name as "future"];
    return count ? [write(count)] : [];
  });
  if (!remarks.length) return null;
  return (
    <span class="remarks">
      {remarks.map((remark) => (
        <span key={remark} class="badge badge-warn">
          {remark}
        </span>
      ))}
    </span>
  );
}

/** First and last day of the events of a batch. */
export function BatchDays({ batch }: { batch: Batch }) {
  const { formats } = useLanguage();
  const { firstDay, lastDay } = batch;
  if (!firstDay || !lastDay) return <span class="muted">–</span>;
  return (
    <span class="batch-when">{firstDay === lastDay ? formats.day(firstDay) : formats.range(firstDay, lastDay)}</span>
  );
}
