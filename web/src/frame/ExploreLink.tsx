import { ChartLine } from "lucide-preact";
import { Link } from "wouter-preact";

import type { Module } from "~/api/questions";
import { useApplication } from "~/application";
import { useLanguage } from "~/i18n/language";
import { keptQuery, pagePath, useQuery } from "~/state/location";

interface Props {
  module: Module;
  kpi: string;
  mode: "total" | "histogram" | "aggregation";
  grain?: string;
  by?: string;
  /** What the question is about, for screen readers. */
  about: string;
}

/** Link to the question behind figures: as plot, table, file and request. */
export function ExploreLink({ module, kpi, mode, grain, by, about }: Props) {
  const { texts } = useLanguage();
  const { key } = useApplication();
  const [params] = useQuery();
  const query = new URLSearchParams(keptQuery(params));
  for (const [name, value] of Object.entries({ module, kpi, mode, grain, by })) if (value) query.set(name, value);
  return (
    <Link
      class="button button-plain no-print"
      href={`${pagePath(key, "explore")}?${query.toString()}`}
      title={texts.frame.exploreThis(about)}
      aria-label={texts.frame.exploreThis(about)}
    >
      <ChartLine size={16} aria-hidden="true" />
      {texts.frame.explore}
    </Link>
  );
}
