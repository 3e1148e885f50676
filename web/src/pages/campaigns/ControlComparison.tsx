import type { Answer, Values } from "~/api/questions";
import { useLanguage } from "~/i18n/language";

interface Group {
  users: number;
  visitors: number;
  rate: number | null;
}

/** The leaf of `comparisonOfflineVisits`. */
export interface ControlLeaf {
  exposed: Group;
  control: Group | null;
  lift: number | null;
  incrementalVisitors: number | null;
  ci95: [number, number] | null;
  significant: boolean | null;
}

/** Return the comparison of exposed users with the control group from an answer. */
export function readControlComparison(answer: Answer): ControlLeaf | undefined {
  const element = answer.results.find((one) => one.kpi === "comparisonOfflineVisits" && one.scope === "globals");
  return ((element?.data as Values | undefined)?.all ?? undefined) as ControlLeaf | undefined;
}

/** Visits of those who were exposed against those who deliberately were not, in words. */
export function ControlComparison({ comparison }: { comparison: ControlLeaf | undefined }) {
  const { texts, formats } = useLanguage();
  const { control: words } = texts.campaigns;
  if (!comparison?.exposed.users) return <p class="muted">{words.nobody}</p>;
  const { exposed, control, lift, incrementalVisitors, ci95, significant } = comparison;
  const share = (rate: number | null) => (rate === null ? formats.exact(null, "1") : formats.share(rate));
  const count = (value: number | null) => formats.exact(value, "n");
  const exposedText = words.exposed(count(exposed.users), count(exposed.visitors), share(exposed.rate));
  if (!control?.users)
    return (
      <>
        <p>{exposedText}</p>
        <p class="muted">{words.noControl}</p>
      </>
    );
  const low = ci95 && formats.change(ci95[0], "relative");
  const high = ci95 && formats.change(ci95[1], "relative");
  return (
    <div class="control-words">
      <p>
        {exposedText} {words.control(count(control.users), count(control.visitors), share(control.rate))}
      </p>
      {lift !== null ? (
        <p>
          <strong>
            {lift >= 0 ? words.more(formats.share(lift)) : words.less(formats.share(-lift))}{" "}
            {significant ? words.significant : words.notSignificant}
          </strong>
        </p>
      ) : null}
      <p class="muted">
        {low && high ? words.interval(low, high) : words.noInterval}{" "}
        {incrementalVisitors !== null
          ? (incrementalVisitors < 0 ? words.fewer : words.additional)(count(Math.abs(Math.round(incrementalVisitors))))
          : ""}{" "}
        {words.counted}
      </p>
    </div>
  );
}
