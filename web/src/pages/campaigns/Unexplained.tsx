import type { Answer } from "~/api/questions";
import { useApplication } from "~/application";
import { FilterNotice } from "~/frame/FilterNotice";
import { useLanguage } from "~/i18n/language";
import { findElement } from "~/pages/overview/figures";
import { Loaded } from "~/ui/Loading";
import { useAnswer } from "~/useAnswer";

const KPIS = ["visits", "unattributedVisits", "attributedShare", "sales", "unattributedSales"] as const;

/** What no campaign explains: visits and sales without any touch before them. */
export function Unexplained({ uplift }: { uplift: boolean | undefined }) {
  const remote = useAnswer(
    "performance",
    { params: KPIS.map((kpi) => ({ kpi, temporals: false })) },
    { compared: false, uplift: uplift ?? true }, // as the questions about campaigns, so that both add up
  );
  return (
    <div class="unexplained">
      <Loaded remote={remote} height={48}>
        {(answer) => <Sentences answer={answer} />}
      </Loaded>
      <FilterNotice figures={[{ module: "performance" }]} />
    </div>
  );
}

function Sentences({ answer }: { answer: Answer }) {
  const { texts, formats } = useLanguage();
  const { currency } = useApplication();
  const [visits, otherVisits, share, sales, otherSales] = KPIS.map((kpi) => readWhole(answer, kpi));
  if (!visits && !sales) return <p class="muted">{texts.campaigns.nothingMeasured}</p>;
  return (
    <p>
      {visits && share !== null && share !== undefined
        ? texts.campaigns.unexplainedVisits(
            formats.exact(share, "1"),
            formats.count(Math.round(otherVisits ?? 0)),
            formats.count(Math.round(visits)),
          )
        : ""}{" "}
      {sales
        ? texts.campaigns.unexplainedSales(
            formats.exact(otherSales, "EUR", currency),
            formats.exact(sales, "EUR", currency),
          )
        : ""}
    </p>
  );
}

function readWhole(answer: Answer, kpi: string): number | null {
  const value = (findElement(answer, kpi)?.data as { all?: unknown } | undefined)?.all;
  return typeof value === "number" ? value : null;
}
