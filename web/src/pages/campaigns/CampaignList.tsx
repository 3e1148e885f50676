import { useMemo } from "preact/hooks";
import { Link } from "wouter-preact";

import { useResources } from "~/api/resources";
import { useApplication } from "~/application";
import { ExploreLink } from "~/frame/ExploreLink";
import { FilterNotice } from "~/frame/FilterNotice";
import { useLanguage } from "~/i18n/language";
import { pagePath, useFrameState, useQuery } from "~/state/location";
import type { Column } from "~/ui/DataTable";
import { TextField } from "~/ui/Field";
import { Loaded } from "~/ui/Loading";
import { Segmented } from "~/ui/Segmented";
import { useAnswer } from "~/useAnswer";

import { type CampaignListRow, LEVELS, listCampaigns, parseLevel, parseModel } from "./campaignRows";
import { CampaignTable } from "./CampaignTable";
import { ModelChoice, UpliftChoice } from "./Choices";
import { ControlComparison, readControlComparison } from "./ControlComparison";
import { ModelPlot } from "./ModelPlot";
import { Totals } from "./Totals";
import { Unexplained } from "./Unexplained";
import { parseUplift, useCampaignRows } from "./useCampaignRows";

/** All campaigns: the whole, each by itself, and the models side by side. */
export function CampaignList() {
  const { texts, formats } = useLanguage();
  const { days } = useApplication();
  const { filters, setFilters } = useFrameState();
  const [params, change] = useQuery();
  const model = parseModel(params.get("model"));
  const level = parseLevel(params.get("level"));
  const uplift = parseUplift(params.get("uplift"));
  const search = params.get("q") ?? "";
  const remote = useCampaignRows(level, { model, uplift, compared: true });
  const resources = useResources("campaigns");
  const control = useAnswer("conversion", { params: [{ kpi: "comparisonOfflineVisits", temporals: false }] });
  const { rows: all, idle } = useMemo(
    () =>
      remote.data && level === "campaigns" && !Object.keys(filters).length
        ? listCampaigns(remote.data.rows, resources.data?.documents ?? [], days)
        : { rows: listCampaigns(remote.data?.rows ?? [], resources.data?.documents ?? [], null).rows, idle: 0 },
    [remote.data, resources.data, level, filters, days],
  );
  const hasAll = resources.data?.documents.length === resources.data?.total; // very many are read in part
  const rows = all.filter((row) => isMatch(row, search));
  const head = texts.campaigns.levels[level];

  function open(row: CampaignListRow): void {
    if (level === "campaigns") change({ campaign: row.key });
    else setFilters({ ...filters, [level]: [row.key] });
  }

  const columns: Column<CampaignListRow>[] =
    level === "campaigns"
      ? [
          {
            id: "lever",
            title: texts.campaigns.columns.lever,
            isSecondary: true,
            sortBy: (row) => row.lever ?? null,
            cell: (row) => row.lever ?? "",
          },
          {
            id: "provider",
            title: texts.campaigns.columns.provider,
            isSecondary: true,
            sortBy: (row) => row.provider ?? null,
            cell: (row) => row.provider ?? "",
          },
          {
            id: "period",
            title: texts.campaigns.columns.period,
            isSecondary: true,
            sortBy: (row) => row.from ?? null,
            cell: (row) => <span class="campaign-period">{periodText(row)}</span>,
          },
        ]
      : [];

  function periodText({ from, to }: CampaignListRow): string {
    if (!from && !to) return "";
    if (from && to) return formats.range(from, to);
    return `${from ? formats.day(from) : "…"} – ${to ? formats.day(to) : "…"}`;
  }

  if (resources.data?.total === 0) return <NoCampaigns />;
  return (
    <>
      <FilterNotice figures={[{ module: "conversion" }]} />
      <section class="card">
        <div class="card-head">
          <h2>{texts.campaigns.together}</h2>
          <UpliftChoice />
        </div>
        <Loaded remote={remote} height={96}>
          {({ answer }) => <Totals answer={answer} />}
        </Loaded>
        <Unexplained uplift={uplift} />
        <p class="muted campaign-hint">{texts.campaigns.upliftHint}</p>
      </section>
      <section class="card">
        <div class="card-head">
          <div class="campaign-choices">
            <Segmented
              label={texts.campaigns.level}
              value={level}
              options={LEVELS.map((value) => ({ value, label: texts.campaigns.levels[value] }))}
              onChange={(value) => {
                change({ level: value });
              }}
            />
            <ModelChoice model={model} />
          </div>
          <TextField
            label={texts.common.search}
            type="search"
            value={search}
            onInput={(value) => {
              change({ q: value || null }, { replace: true });
            }}
          />
        </div>
        <Loaded remote={remote} height={420}>
          {({ total }) =>
            rows.length ? (
              <CampaignTable
                rows={rows}
                total={total}
                head={head}
                extraColumns={columns}
                sort={params.get("sort") ?? "-visits"}
                onSort={(sort) => {
                  change({ sort });
                }}
                nameCell={(row) => (
                  <button
                    type="button"
                    class="link"
                    title={level === "campaigns" ? texts.campaigns.open(row.name) : texts.overview.limitTo(row.name)}
                    onClick={() => {
                      open(row);
                    }}
                  >
                    {row.name}
                  </button>
                )}
              />
            ) : (
              <p class="muted">{search ? texts.campaigns.noneFound(search) : texts.campaigns.noneInPeriod}</p>
            )
          }
        </Loaded>
        {idle > 0 && hasAll ? <p class="muted campaign-hint">{texts.campaigns.idle(idle)}</p> : null}
        <p class="muted campaign-hint">{texts.campaigns.modelHint}</p>
      </section>
      {remote.data && rows.some(({ credits }) => credits.participation) ? (
        <ModelPlot rows={rows} level={level} head={head} />
      ) : null}
      <section class="card">
        <div class="card-head">
          <h2>{texts.campaigns.effect}</h2>
          <ExploreLink
            module="conversion"
            kpi="comparisonOfflineVisits"
            mode="total"
            by="campaigns"
            about={texts.campaigns.effect}
          />
        </div>
        <Loaded remote={control} height={120}>
          {(answer) => <ControlComparison comparison={readControlComparison(answer)} />}
        </Loaded>
      </section>
    </>
  );
}

function isMatch(row: CampaignListRow, search: string): boolean {
  const fold = (text: string) => text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "");
  const text = fold([row.name, row.key, row.lever ?? "", row.provider ?? ""].join(" "));
  return fold(search)
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** What to do in an application without campaigns. */
function NoCampaigns() {
  const { texts } = useLanguage();
  const { key, role } = useApplication();
  return (
    <section class="card stack">
      <h2>{texts.campaigns.noneTitle}</h2>
      <p>{texts.campaigns.noneText}</p>
      {role === "reader" ? (
        <p class="muted">{texts.overview.empty.reader}</p>
      ) : (
        <p class="row">
          <Link class="button button-main" href={pagePath(key, "data")}>
            {texts.overview.empty.link}
          </Link>
          <Link class="button" href={pagePath(key, "manage/campaigns")}>
            {texts.campaigns.manage}
          </Link>
        </p>
      )}
    </section>
  );
}
