import type { Kpi } from "~/api/questions";

import type { LeafField } from "./leaves";

/** Return whether more of a figure is good: of costs, refunds and short stays, less is; of spending, neither. */
export function goodDirection(kpi: Kpi, field: LeafField): "more" | "less" | "neither" {
  const name = field.id === "value" ? kpi.kpi : field.id;
  if (/^(cost|cohortCost)By|^refunds$|^dropouts$|^printsBy/.test(name)) return "less";
  if (
    /^cost$|^(un)?[a-z]*Share$|^unattributed|^meanRank$|^pedestrian$/.test(name) &&
    !/^(attributed|newVisitor)Share$/.test(name)
  )
    return "neither";
  if (kpi.leaf === "DIST") return "neither";
  return "more";
}
