import { ArrowDown, ArrowRight, ArrowUp } from "lucide-preact";

import { useLanguage } from "~/i18n/language";

/**
 * Change of a value: sign, arrow and, for screen readers, words such as "12 % more than last year".
 *
 * `good`: whether more is good (`more`), less is (`less`, such as cost per visit), or neither. `inWords`: show the words.
 */
export function Change({
  value,
  kind,
  than,
  good = "more",
  inWords = false,
}: {
  value: number | null | undefined;
  kind: "relative" | "difference";
  than: string;
  good?: "more" | "less" | "neither";
  inWords?: boolean;
}) {
  const { texts, formats } = useLanguage();
  if (value === null || value === undefined) return <span class="muted">–</span>;
  const size = formats.change(Math.abs(value), kind).replace(/^[+−-]/u, "");
  const points = Math.round(Math.abs(value) * 10_000) / 100; // as many digits as the format has
  const amount = kind === "relative" ? size : texts.plots.points(size, points);
  const words =
    value > 0 ? texts.plots.more(amount, than) : value < 0 ? texts.plots.less(amount, than) : texts.plots.same(than);
  const Icon = value > 0 ? ArrowUp : value < 0 ? ArrowDown : ArrowRight;
  const isGood = good === "neither" || value === 0 ? undefined : value > 0 === (good === "more");
  const colour = isGood === undefined ? "" : isGood ? "change-good" : "change-bad";
  if (inWords)
    return (
      <span class={`change change-words ${colour}`}>
        <Icon size={14} aria-hidden="true" />
        {words}
      </span>
    );
  return (
    <span class={`change ${colour}`} title={words}>
      <Icon size={14} aria-hidden="true" />
      <span aria-hidden="true">
        {kind === "relative" ? formats.change(value, kind) : texts.plots.points(formats.change(value, kind), points)}
      </span>
      <span class="visually-hidden">{words}</span>
    </span>
  );
}
