import { useMemo } from "preact/hooks";

import type { ApiError } from "~/api/errors";
import type { Groups, Module, Note, Question } from "~/api/questions";
import { useResources } from "~/api/resources";
import { measureDistance, type Position } from "~/plots/geodesy";
import { useQuery } from "~/state/location";
import { useAnswer } from "~/useAnswer";

import { type Catchment, computeCatchment, type HomeArea, readHomes } from "./catchment";
import type { Geometry } from "./features";
import {
  DEFINITIONS,
  type FigureId,
  FIGURES,
  hasFigure,
  type PoiRow,
  readGroups,
  readPoiRows,
  readSiteRows,
  type SiteRow,
  siteParams,
} from "./rows";
import { useAreas } from "./useAreas";

/** Home areas beyond these, which have fewer visitors, are not looked up. */
export const MOST_AREAS = 2000;
const POI_KPI = "poiSessions";
const HOME_KPI = "uniqUsers";
const NO_GROUPS: Groups = {};

export interface MapData {
  figure: FigureId;
  /** Figures that have data in this period. */
  available: ReadonlySet<FigureId>;
  sites: SiteRow[];
  pois: PoiRow[];
  selected: SiteRow | undefined;
  homes: HomeArea[];
  unknownHomes: number;
  geometries: ReadonlyMap<string, Geometry>;
  /** The server's notes on the answer about homes: why it is empty, for instance. */
  homeNotes: readonly Note[];
  /** Of the selected site. */
  catchment: Catchment | undefined;
  resources: { sites: ReturnType<typeof useResources<"sites">>; pois: ReturnType<typeof useResources<"pois">> };
  areSitesLoading: boolean;
  areHomesLoading: boolean;
  arePoisLoading: boolean;
  /** Whether some request takes so long that the user may want to cancel. */
  isSlow: boolean;
  error: ApiError | undefined;
  reload: () => void;
  cancel: () => void;
}

function askSites(module: Module): Question {
  return { params: siteParams(module) };
}

/** Load what the map shows: sites, points of interest, their figures, and the homes of visitors. */
export function useMapData(): MapData {
  const [params] = useQuery();
  const sites = useResources("sites");
  const pois = useResources("pois");
  const performance = useAnswer("performance", askSites("performance"));
  const presence = useAnswer("presence", askSites("presence"));
  const panel = useAnswer("geo-marketing", askSites("geo-marketing"));
  const poiStays = useAnswer(
    "geo-marketing",
    { params: [{ kpi: POI_KPI, temporals: false, globals: false, by: ["pois"] }] },
    { compared: false },
  );

  const answers = { performance, presence, "geo-marketing": panel, conversion: undefined };
  const isDecided = !performance.isLoading && !presence.isLoading && !panel.isLoading;
  const available = new Set(FIGURES.filter((id) => hasFigure(answers[DEFINITIONS[id].module]?.data, DEFINITIONS[id])));
  const figure =
    FIGURES.find((id) => id === params.get("figure")) ?? FIGURES.find((id) => available.has(id)) ?? FIGURES[0];
  const answer = answers[DEFINITIONS[figure].module];
  const siteRows = useMemo(
    () => readSiteRows(sites.data?.documents ?? [], answer?.data, DEFINITIONS[figure]),
    [sites.data, answer?.data, figure],
  );

  const name = params.get("site");
  const selected = siteRows.find(({ id, key }) => name !== null && (key === name || id === name));
  const homesAnswer = useAnswer(
    "geo-marketing",
    name !== null && !sites.data
      ? null
      : {
          params: [{ kpi: HOME_KPI, temporals: false, globals: false, by: ["homes"] }],
          ...(selected ? { filters: { sites: [selected.key] } } : {}),
        },
    { compared: false },
  );
  const groups = useMemo(
    () => (homesAnswer.data ? readGroups(homesAnswer.data, HOME_KPI, "homes").groups : NO_GROUPS),
    [homesAnswer.data],
  );
  const codes = useMemo(
    () => (homesAnswer.data ? readHomes(groups, new Map(), []).homes.map(({ code }) => code) : undefined),
    [homesAnswer.data, groups],
  );
  const areas = useAreas(codes?.slice(0, MOST_AREAS));

  const sitePosition = selected?.position;
  const { homes, unknown } = useMemo(() => {
    const placed = new Map(
      [...(areas.data ?? [])].map(([code, { name, lng, lat }]) => {
        const position: Position = [lng, lat];
        return [code, { name: name ?? code, position }];
      }),
    );
    const all = siteRows.flatMap(({ position }) => (position ? [position] : []));
    return readHomes(groups, placed, !selected ? all : sitePosition ? [sitePosition] : []);
  }, [groups, areas.data, selected, sitePosition, siteRows]);
  const geometries = useMemo(
    () => new Map([...(areas.data ?? [])].map(([code, area]) => [code, area.geometry] as const)),
    [areas.data],
  );
  const areHomesLoading = homesAnswer.isLoading || areas.isLoading;
  const catchment = useMemo(
    // while it loads, the visitors may still be those of the site before
    () => (sitePosition && !areHomesLoading ? computeCatchment(homes, unknown) : undefined),
    [homes, unknown, sitePosition, areHomesLoading],
  );
  const poiRows = useMemo(
    () =>
      readPoiRows(
        pois.data?.documents ?? [],
        poiStays.data,
        POI_KPI,
        sitePosition && ((position: Position) => measureDistance(sitePosition, position)),
      ),
    [pois.data, poiStays.data, sitePosition],
  );

  const remotes = [sites, pois, performance, presence, panel, poiStays, homesAnswer, areas];
  return {
    figure,
    available,
    sites: siteRows,
    pois: poiRows,
    selected,
    homes,
    unknownHomes: unknown,
    geometries,
    homeNotes: homesAnswer.data?.meta.notes ?? [],
    catchment,
    resources: { sites, pois },
    areSitesLoading: sites.isLoading || !isDecided,
    areHomesLoading,
    arePoisLoading: pois.isLoading || poiStays.isLoading,
    isSlow: remotes.some((remote) => remote.isSlow),
    error: remotes.find((remote) => remote.error)?.error,
    reload: () => {
      for (const remote of remotes) if (remote.error) remote.reload();
    },
    cancel: () => {
      for (const remote of remotes) if (remote.isLoading) remote.cancel();
    },
  };
}
