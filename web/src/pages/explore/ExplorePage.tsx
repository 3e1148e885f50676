import { Code, Download } from "lucide-preact";
import type { ComponentChildren } from "preact";
import { useCallback, useMemo, useState } from "preact/hooks";

import { api } from "~/api/client";
import { ApiError } from "~/api/errors";
import { type Answer, ask, type Kpi, type Question } from "~/api/questions";
import { useResources } from "~/api/resources";
import { useRemote } from "~/api/useRemote";
import { useApplication } from "~/application";
import { FilterNotice } from "~/frame/FilterNotice";
import { loadCatalogueTexts, translateKpis } from "~/i18n/catalogue";
import { useLanguage } from "~/i18n/language";
import { questionFilters } from "~/state/filters";
import { useFrameState, useQuery } from "~/state/location";
import { Button } from "~/ui/Button";
import { Loaded } from "~/ui/Loading";
import { Menu } from "~/ui/Menu";
import { ErrorNotice } from "~/ui/Notice";

import { buildParam } from "./question";
import { QuestionPanel } from "./QuestionPanel";
import { downloadAnswer, type FileFormat, makeRequest, type QuestionRequest } from "./request";
import { RequestDialog } from "./RequestDialog";
import { Result } from "./Result";
import { type ExploreState, type OwnFilters, parseState, writeOwnFilters } from "./state";

import "./explore.css";

/** One question of any module, as plot and table. */
export function ExplorePage() {
  const { language, texts } = useLanguage();
  const catalogue = useRemote(
    `catalogue ${language}`,
    async (signal) => {
      const translations = loadCatalogueTexts(language);
      const kpis = (await api.GET("/analytics/kpis", { signal })).data as Kpi[];
      return translateKpis(kpis, await translations, texts.explore);
    },
    { immediate: true },
  );
  return (
    <Loaded remote={catalogue} height={640}>
      {(kpis) => <Explorer kpis={kpis} />}
    </Loaded>
  );
}

/** An answer with the state whose question it answers. */
interface Answered {
  answer: Answer;
  state: ExploreState;
}

function Explorer({ kpis }: { kpis: readonly Kpi[] }) {
  const { texts } = useLanguage();
  const application = useApplication();
  const { key, days, compare } = application;
  const { filters } = useFrameState();
  const [params, change] = useQuery();
  const hasFiscalCalendar = useFiscalCalendar();
  const hasComparison = compare.compare !== undefined;

  const state = useMemo(
    () => parseState(params, kpis, { days, hasComparison, hasFiscalCalendar }),
    [params, kpis, days, hasComparison, hasFiscalCalendar],
  );
  const sites = useResources("sites").data?.documents ?? NONE;
  const campaigns = useResources(state.module === "conversion" ? "campaigns" : null).data?.documents ?? NONE;
  const studies = useResources(state.module === "geo-marketing" ? "studies" : null).data?.documents ?? NONE;
  const pois = useResources(state.kpi.leaf === "AFF" ? "pois" : null).data?.documents ?? NONE;
  const resources = useMemo(() => {
    const names = new Map<string, string>();
    for (const { _id, key: own, name } of [...pois, ...campaigns, ...sites]) {
      if (!name) continue;
      names.set(_id, name);
      if (own) names.set(own, name);
    }
    return names;
  }, [sites, campaigns, pois]);

  const question = useMemo<Question>(() => {
    const chosen = questionFilters(filters, state.module);
    return {
      params: [buildParam(state)],
      ...(chosen ? { filters: chosen } : {}),
      ...(compare.compare
        ? { compare: { ...compare.compare, ...(state.isLikeForLike ? { likeForLike: true } : {}) } }
        : {}),
    };
  }, [state, filters, compare]);
  const request = useMemo(
    () => makeRequest(key, state.module, state.study, days, question),
    [key, state.module, state.study, days, question],
  );
  const remote = useRemote<Answered>(JSON.stringify([key, request]), async (signal) => ({
    answer: await ask(key, state.module, question, days, { study: state.study, signal }),
    state,
  }));

  const changeOwn = useCallback(
    (own: OwnFilters) => {
      change((next) => {
        writeOwnFilters(next, own);
      });
    },
    [change],
  );

  return (
    <div class="explore">
      <QuestionSide label={texts.explore.question}>
        <QuestionPanel
          state={state}
          kpis={kpis}
          sites={sites}
          campaigns={campaigns}
          studies={studies}
          resources={resources}
          hasFiscalCalendar={hasFiscalCalendar}
          change={change}
          changeOwn={changeOwn}
        />
      </QuestionSide>
      <div class="explore-answer stack" aria-label={texts.explore.answer} role="region">
        <Exports request={request} />
        <FilterNotice figures={[{ module: state.module }]} />
        <div class={remote.isLoading && remote.data ? "explore-stale" : ""}>
          <Loaded remote={remote} height={640}>
            {(answered) => (
              <Result
                answer={answered.answer}
                answered={answered.state}
                current={state}
                resources={resources}
                tableSort={params.get("order") ?? ""}
                change={change}
              />
            )}
          </Loaded>
        </div>
      </div>
    </div>
  );
}

const NONE: never[] = [];

/** Tell whether the application has a fiscal or retail calendar. */
function useFiscalCalendar(): boolean {
  const { settings } = useApplication();
  const { calendar } = (settings.settings ?? {}) as { calendar?: Record<string, unknown> | null };
  return Boolean(calendar && (calendar["fiscalYearStart"] || calendar["retail"]));
}

/** The question beside the answer; on narrow screens it can be folded. */
function QuestionSide({ label, children }: { label: string; children: ComponentChildren }) {
  const [isOpen] = useState(() => matchMedia("(min-width: 1000px)").matches);
  return (
    <details class="explore-question card no-print" open={isOpen}>
      <summary>{label}</summary>
      {children}
    </details>
  );
}

/** Buttons for the exact request and for files of the answer. */
function Exports({ request }: { request: QuestionRequest }) {
  const { texts, formats } = useLanguage();
  const [isOpen, setOpen] = useState(false);
  const [error, setError] = useState<ApiError | null>(null);

  function download(format: FileFormat, locale?: string): void {
    setError(null);
    downloadAnswer(request, format, locale).catch((reason: unknown) => {
      setError(reason instanceof ApiError ? reason : new ApiError(0, texts.explore.downloadFailed));
    });
  }

  const locale = formats.locale.startsWith("fr") ? "fr" : undefined;
  return (
    <>
      <div class="explore-tools no-print">
        <Button
          icon={<Code size={16} aria-hidden="true" />}
          onClick={() => {
            setOpen(true);
          }}
        >
          {texts.explore.request}
        </Button>
        <Menu
          label={texts.common.download}
          text={texts.common.download}
          icon={<Download size={16} aria-hidden="true" />}
          items={[
            {
              label: texts.explore.xlsx,
              onSelect: () => {
                download("xlsx");
              },
            },
            {
              label: texts.explore.csv,
              onSelect: () => {
                download("csv");
              },
            },
            ...(locale
              ? [
                  {
                    label: texts.explore.csvExcel,
                    onSelect: () => {
                      download("csv", locale);
                    },
                  },
                ]
              : []),
            {
              label: texts.explore.parquet,
              onSelect: () => {
                download("parquet");
              },
            },
          ]}
        />
      </div>
      {error ? <ErrorNotice error={error} /> : null}
      {isOpen ? (
        <RequestDialog
          request={request}
          onClose={() => {
            setOpen(false);
          }}
        />
      ) : null}
    </>
  );
}
