import { ChevronsUpDown } from "lucide-preact";
import { useMemo, useState } from "preact/hooks";

import { type Granularity, type Kpi, MODULES, type Module } from "~/api/questions";
import type { Resource } from "~/api/resources";
import { useApplication } from "~/application";
import { useTexts } from "~/i18n/language";
import { Field, SelectField } from "~/ui/Field";
import { Segmented } from "~/ui/Segmented";

import { hasOthersEntry, refuseGrain, refuseGrouping } from "./catalogue";
import { KpiDialog } from "./KpiDialog";
import { groupingName, kpiName, unitName } from "./labels";
import { OwnFilterFields } from "./OwnFilterFields";
import { type ExploreState, type Mode, type OwnFilters, parseGrouping, SORTS, TOPS } from "./state";

const GRAINS: readonly Granularity[] = [
  "hour",
  "day",
  "week",
  "month",
  "quarter",
  "year",
  "hourOfWeek",
  "fiscalMonth",
  "fiscalQuarter",
  "fiscalYear",
];
/** What belongs to the KPI before: another one has other fields, groups and plots. */
const OF_KPI = { show: null, plot: null, group: null, bucket: null };

interface Props {
  state: ExploreState;
  kpis: readonly Kpi[];
  sites: readonly Resource<"sites">[];
  campaigns: readonly Resource<"campaigns">[];
  studies: readonly Resource<"studies">[];
  /** Names of resources by key and by id. */
  resources: ReadonlyMap<string, string>;
  hasFiscalCalendar: boolean;
  change: (changes: Record<string, string | null>) => void;
  changeOwn: (own: OwnFilters) => void;
}

/** The question: what, when, by what, and of what only. */
export function QuestionPanel(props: Props) {
  const { state, kpis, change } = props;
  const texts = useTexts();
  const { explore } = texts;
  const { compare } = useApplication();
  const [isChoosing, setChoosing] = useState(false);
  const { kpi } = state;
  return (
    <div class="question stack">
      <SelectField
        label={explore.module}
        value={state.module}
        options={MODULES.map((value) => ({ value, label: explore.modules[value] }))}
        onChange={(module: Module) => {
          const same = kpis.find((one) => one.module === module && one.kpi === kpi.kpi);
          change({ module, kpi: same ? kpi.kpi : null, ...OF_KPI });
        }}
      />
      <Field
        label={explore.kpi}
        hint={
          <>
            {kpi.description} <span class="question-unit">{unitName(kpi.unit, explore)}</span> <code>{kpi.kpi}</code>
          </>
        }
      >
        {(attributes) => (
          <button
            {...attributes}
            type="button"
            class="select kpi-button"
            aria-haspopup="dialog"
            onClick={() => {
              setChoosing(true);
            }}
          >
            <span>{kpiName(kpi, explore)}</span>
            <ChevronsUpDown size={16} aria-hidden="true" />
          </button>
        )}
      </Field>
      <details class="kpi-formula">
        <summary>{explore.formula}</summary>
        <ul>
          {kpi.formula.map((line) => (
            <li key={line}>{line}</li>
          ))}
        </ul>
      </details>
      {state.module === "geo-marketing" && props.studies.length ? (
        <SelectField
          label={explore.study}
          value={state.study}
          options={props.studies.map((study) => ({
            value: study.key ?? study._id,
            label: study.name ?? study.key ?? "",
          }))}
          onChange={(study) => {
            change({ study: study === "all" ? null : study });
          }}
        />
      ) : null}
      <TimeFields {...props} />
      <GroupFields {...props} />
      <OwnFilterFields state={state} resources={props.resources} changeOwn={props.changeOwn} />
      {compare.compare ? (
        <label class="question-check">
          <input
            type="checkbox"
            checked={state.isLikeForLike}
            onChange={(event) => {
              change({ like: event.currentTarget.checked ? "yes" : null });
            }}
          />
          {explore.likeForLike}
        </label>
      ) : null}
      {isChoosing ? (
        <KpiDialog
          kpis={kpis}
          chosen={kpi}
          onClose={() => {
            setChoosing(false);
          }}
          onChoose={(next) => {
            setChoosing(false);
            change({ module: next.module, kpi: next.kpi, ...OF_KPI });
          }}
        />
      ) : null}
    </div>
  );
}

function TimeFields({ state, hasFiscalCalendar, change }: Props) {
  const { explore } = useTexts();
  const { days } = useApplication();
  const { kpi, mode } = state;
  const names = mode === "aggregation" ? explore.recurrences : explore.grains;
  return (
    <>
      <div class="field">
        <span class="field-label">{explore.mode}</span>
        <Segmented
          label={explore.mode}
          value={mode}
          options={[
            { value: "total", label: explore.modeTotal },
            { value: "histogram", label: explore.modeHistogram },
            { value: "aggregation", label: explore.modeAggregation },
          ]}
          onChange={(next: Mode) => {
            change({ mode: next, grain: null, plot: null, bucket: null });
          }}
        />
      </div>
      {mode === "total" ? null : (
        <SelectField
          label={mode === "aggregation" ? explore.recurring : explore.grain}
          value={state.grain}
          options={GRAINS.filter((grain) => mode === "aggregation" || grain !== "hourOfWeek").map((value) => {
            const refusal = refuseGrain(kpi, mode, value, { days, hasFiscalCalendar });
            const label = names[value];
            return refusal
              ? { value, label: `${label} (${explore.grainRefused[refusal]})`, disabled: true }
              : { value, label };
          })}
          onChange={(grain) => {
            change({ grain, mode, plot: null, bucket: null });
          }}
        />
      )}
    </>
  );
}

/** Return all groupings that the catalogue has for any KPI of the module, with the names that the resources have. */
function listGroupings(
  kpis: readonly Kpi[],
  module: Module,
  sites: readonly Resource<"sites">[],
  campaigns: readonly Resource<"campaigns">[],
): string[] {
  const names = new Set<string>();
  for (const kpi of kpis) if (kpi.module === module) for (const name of Object.keys(kpi.by)) names.add(name);
  const attributes = [...new Set(sites.flatMap((site) => Object.keys(site.attributes ?? {})))].sort();
  const extras = [
    ...new Set(campaigns.flatMap((campaign) => ((campaign.extra ?? []) as { key: string }[]).map(({ key }) => key))),
  ].sort();
  return [...names].flatMap((name) => {
    if (name === "sites.attributes.<name>") return attributes.map((one) => `sites.attributes.${one}`);
    if (name === "extras.<name>") return extras.map((one) => `extras.${one}`);
    if (name === "sites.postalCode") return [name, `${name}:2`];
    return [name];
  });
}

function GroupFields({ state, kpis, sites, campaigns, change }: Props) {
  const texts = useTexts();
  const { explore } = texts;
  const { compare } = useApplication();
  const { kpi, by } = state;
  const names = useMemo(
    () => listGroupings(kpis, state.module, sites, campaigns),
    [kpis, state.module, sites, campaigns],
  );

  function options(chosen: string | undefined, first: string | undefined) {
    const reasons = {
      kpi: explore.groupRefused,
      same: explore.groupSame,
      pair: explore.groupPair(first ? groupingName(first, texts) : ""),
    };
    const listed = chosen === undefined || names.includes(chosen) ? names : [...names, chosen];
    return [
      { value: "", label: explore.noGroup },
      ...listed.map((value) => {
        const refusal = refuseGrouping(kpi, parseGrouping(value).of, first && parseGrouping(first).of);
        const label = groupingName(value, texts);
        if (!refusal) return { value, label };
        return { value, label: `${label} (${reasons[refusal]})`, disabled: true };
      }),
    ];
  }

  const canShare = kpi.options.includes("share");
  const canAddOthers = by.every((name) => hasOthersEntry(kpi, parseGrouping(name).of));
  return (
    <>
      <SelectField
        label={explore.groupBy}
        value={by[0] ?? ""}
        options={options(by[0], undefined)}
        onChange={(value) => {
          const second = by[1] && value && !refuseGrouping(kpi, parseGrouping(by[1]).of, parseGrouping(value).of);
          change({
            by: value || null,
            by2: second ? (by[1] ?? null) : null,
            top: null,
            top2: null,
            plot: null,
            group: null,
          });
        }}
      />
      {by.length ? (
        <>
          <SelectField
            label={explore.thenBy}
            value={by[1] ?? ""}
            options={options(by[1], by[0])}
            onChange={(value) => {
              change({ by2: value || null, top: null, top2: null, plot: null, group: null });
            }}
          />
          <div class="question-pair">
            {by.map((name, index) => (
              <SelectField
                key={name}
                label={by.length === 1 ? explore.top : explore.topOf(groupingName(name, texts))}
                value={String(state.tops[index] ?? "all")}
                options={[
                  ...[...new Set([...TOPS, state.tops[index] ?? TOPS[0]])]
                    .sort((a, b) => a - b)
                    .map((count) => ({ value: String(count), label: explore.topCount(count) })),
                  { value: "all", label: explore.topAll },
                ]}
                onChange={(value) => {
                  change({ [index ? "top2" : "top"]: value });
                }}
              />
            ))}
            <SelectField
              label={explore.sort}
              value={state.sort}
              options={SORTS.map((value) => {
                const isRefused = value.endsWith("change") && !compare.compare;
                const label = explore.sorts[value];
                return isRefused
                  ? { value, label: `${label} (${explore.sortNeedsComparison})`, disabled: true }
                  : { value, label };
              })}
              onChange={(sort) => {
                change({ sort: sort === "-all" ? null : sort });
              }}
            />
          </div>
          <label class="question-check" title={canAddOthers ? undefined : explore.othersRefused}>
            <input
              type="checkbox"
              checked={state.hasOthers && canAddOthers}
              disabled={!canAddOthers}
              onChange={(event) => {
                change({ others: event.currentTarget.checked ? null : "no" });
              }}
            />
            <span>
              {explore.others}
              {canAddOthers ? null : <span class="field-hint">{explore.othersRefused}</span>}
            </span>
          </label>
          <label class="question-check" title={canShare ? undefined : explore.shareRefused}>
            <input
              type="checkbox"
              checked={state.hasShare && canShare}
              disabled={!canShare}
              onChange={(event) => {
                change({ share: event.currentTarget.checked ? null : "no" });
              }}
            />
            <span>
              {explore.share}
              {canShare ? null : <span class="field-hint">{explore.shareRefused}</span>}
            </span>
          </label>
        </>
      ) : null}
    </>
  );
}
