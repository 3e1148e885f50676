import { useState } from "preact/hooks";

import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { useFrameState } from "~/state/location";
import { countDays } from "~/state/days";
import { type Comparison, COMPARISONS, type Preset, PRESETS } from "~/state/period";
import { Button } from "~/ui/Button";
import { Dialog } from "~/ui/Dialog";
import { TextField } from "~/ui/Field";

const CUSTOM = "custom";

/** Choice of the period, and of the period to compare with. */
export function PeriodPicker() {
  const { texts, formats } = useLanguage();
  const { days } = useApplication();
  const { period, comparison, setPeriod, setComparison } = useFrameState();
  const [choosing, setChoosing] = useState<"period" | "comparison" | null>(null);
  const shown = formats.range(days.from, days.to);
  return (
    <div class="period-picker">
      <select
        class="select"
        aria-label={texts.frame.period}
        value={typeof period === "string" ? period : CUSTOM}
        onChange={(event) => {
          const value = event.currentTarget.value;
          if (value === CUSTOM) setChoosing("period");
          else setPeriod(value as Preset);
        }}
      >
        {PRESETS.map((preset) => (
          <option key={preset} value={preset}>
            {texts.frame.presets[preset]}
          </option>
        ))}
        <option value={CUSTOM}>{typeof period === "string" ? texts.frame.custom : shown}</option>
      </select>
      <button
        type="button"
        class="period-days"
        onClick={() => {
          setChoosing("period");
        }}
      >
        <time dateTime={`${days.from}/${days.to}`}>{shown}</time>
      </button>
      <div class="period-comparison">
        <span class="muted" aria-hidden="true">
          {texts.frame.comparison}
        </span>
        <select
          class="select"
          aria-label={texts.frame.comparison}
          value={typeof comparison === "string" ? comparison : CUSTOM}
          onChange={(event) => {
            const value = event.currentTarget.value;
            if (value === CUSTOM) setChoosing("comparison");
            else setComparison(value as Comparison);
          }}
        >
          {[...COMPARISONS, "none" as const].map((name) => (
            <option key={name} value={name}>
              {texts.frame.comparisons[name]}
            </option>
          ))}
          <option value={CUSTOM}>
            {typeof comparison === "string" ? texts.frame.custom : formats.range(comparison.from, comparison.to)}
          </option>
        </select>
      </div>
      {choosing ? (
        <DaysDialog
          title={choosing === "period" ? texts.frame.period : texts.frame.comparison}
          initial={choosing === "comparison" && typeof comparison !== "string" ? comparison : days}
          onClose={() => {
            setChoosing(null);
          }}
          onChoose={(chosen) => {
            setChoosing(null);
            if (choosing === "period") setPeriod(chosen);
            else setComparison(chosen);
          }}
        />
      ) : null}
    </div>
  );
}

interface DaysDialogProps {
  title: string;
  initial: { from: string; to: string };
  onClose: () => void;
  onChoose: (days: { from: string; to: string }) => void;
}

function DaysDialog({ title, initial, onClose, onChoose }: DaysDialogProps) {
  const { texts } = useLanguage();
  const [from, setFrom] = useState(initial.from);
  const [to, setTo] = useState(initial.to);
  const isValid = from !== "" && to !== "" && countDays({ from, to }) > 0;
  return (
    <Dialog title={title} onClose={onClose}>
      <form
        class="stack"
        onSubmit={(event) => {
          event.preventDefault();
          if (isValid) onChoose({ from, to });
        }}
      >
        <div class="row">
          <TextField label={texts.frame.from} type="date" value={from} onInput={setFrom} required />
          <TextField label={texts.frame.to} type="date" value={to} onInput={setTo} required />
        </div>
        <div class="row">
          <Button kind="main" type="submit" disabled={!isValid}>
            {texts.frame.apply}
          </Button>
        </div>
      </form>
    </Dialog>
  );
}
