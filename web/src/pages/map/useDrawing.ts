import { getHexagonEdgeLengthAvg, UNITS } from "h3-js";
import { useMemo } from "preact/hooks";

import { useApplication } from "~/application";
import { otherPeriodName } from "~/frame/otherPeriod";
import { useLanguage } from "~/i18n/language";
import { useFrameState, useQuery } from "~/state/location";
import { useTheme } from "~/theme";

import { sumByHexagon } from "./cells";
import {
  makeAreaFeatures,
  makeCatchmentFeatures,
  makeHexagonFeatures,
  makePoiFeatures,
  makeRingFeatures,
  makeRingLabels,
  makeSiteFeatures,
  readZones,
} from "./features";
import type { Group } from "./groups";
import { readMapColours } from "./mapColours";
import { DEFINITIONS, type SiteRow } from "./rows";
import { makeDivergingScale, makeSequentialScale, pickColour } from "./scales";
import type { MapData } from "./useMapData";

const EMPTY = { type: "FeatureCollection" as const, features: [] };

/** Return what the map draws, and the scales that its legend explains. */
export function useDrawing(
  data: MapData,
  visible: readonly Group[],
  resolution: number | null,
  marked: string | undefined,
) {
  const { texts, formats } = useLanguage();
  const { isDark } = useTheme();
  const { currency } = useApplication();
  const { comparison } = useFrameState();
  const [params] = useQuery();
  const isChange = params.get("colour") === "change" && comparison !== "none";
  const { figure, selected, homes, pois, sites, geometries, catchment, resources } = data;
  const { unit } = DEFINITIONS[figure];
  const colours = useMemo(() => readMapColours(isDark), [isDark]);

  const drawn = useMemo(() => sites.filter(({ position }) => position), [sites]);
  const values = useMemo(() => drawn.flatMap(({ value }) => value ?? []), [drawn]);
  const most = useMemo(() => makeSequentialScale(values, []).most, [values]);
  const siteScale = useMemo(
    () =>
      isChange
        ? makeDivergingScale(
            drawn.flatMap((row) => row.change ?? []),
            colours.change,
          )
        : makeSequentialScale(values, colours.sites),
    [isChange, drawn, values, colours],
  );
  const siteFeatures = useMemo(() => {
    const other = otherPeriodName(comparison, texts.overview.than, formats);
    const describe = ({ value, change, city }: SiteRow) =>
      [
        city,
        texts.map.valueOf(
          texts.map.figures[figure],
          value === null ? texts.map.noValue : formats.exact(value, unit, currency),
        ),
        change === null || comparison === "none"
          ? ""
          : texts.map.valueOf(texts.map.changeSince(other), formats.change(change, "relative")),
      ]
        .filter(Boolean)
        .join("\n");
    return makeSiteFeatures(sites, {
      most,
      colour: (row) => {
        const value = isChange ? row.change : row.value;
        return value === null ? undefined : pickColour(siteScale, value);
      },
      plainColour: colours.plain,
      selected: selected?.id,
      describe,
    });
  }, [sites, most, siteScale, isChange, colours, selected?.id, figure, unit, currency, comparison, texts, formats]);

  const hexagons = useMemo(() => (resolution === null ? null : sumByHexagon(homes, resolution)), [homes, resolution]);
  const homeScale = useMemo(
    () =>
      makeSequentialScale(
        (hexagons ?? homes.filter(({ position }) => position)).map(({ visitors }) => visitors),
        colours.homes,
      ),
    [hexagons, homes, colours],
  );
  const homeFeatures = useMemo(() => {
    const visitorsOf = (visitors: number) => texts.map.unitOfHomes(formats.exact(visitors, "n"));
    if (hexagons)
      return makeHexagonFeatures(hexagons, homeScale, ({ visitors, areas }) => ({
        title: visitorsOf(visitors),
        text: texts.map.ofHexagon(areas),
      }));
    return makeAreaFeatures(homes, geometries, {
      scale: homeScale,
      marked,
      describe: ({ visitors, distanceM }) =>
        [
          visitorsOf(visitors),
          distanceM === undefined
            ? ""
            : texts.map.valueOf(selected?.name ?? texts.map.nearest, formats.short(distanceM, "m")),
        ]
          .filter(Boolean)
          .join("\n"),
    });
  }, [hexagons, homes, geometries, homeScale, marked, selected?.name, texts, formats]);

  const poiFeatures = useMemo(() => {
    const largest = makeSequentialScale(
      pois.flatMap(({ value }) => value ?? []),
      [],
    ).most;
    return makePoiFeatures(pois, largest, ({ type, value }) =>
      [type, texts.map.valueOf(texts.map.poiStays, value === null ? texts.map.noValue : formats.exact(value, "n"))]
        .filter(Boolean)
        .join("\n"),
    );
  }, [pois, texts, formats]);

  const centre = selected?.position;
  const hasRings = visible.includes("rings");
  const shown = visible.includes("catchment") ? catchment : undefined;
  const rings = useMemo(() => (centre ? makeRingFeatures(centre) : EMPTY), [centre]);
  const circles = useMemo(() => (centre && shown ? makeCatchmentFeatures(centre, shown) : EMPTY), [centre, shown]);
  const ringLabels = useMemo(
    () =>
      centre
        ? makeRingLabels(centre, {
            rings: hasRings,
            catchment: shown,
            label: (radiusM) => formats.short(radiusM, "m"),
            shareLabel: (shares, radiusM) =>
              texts.map.shareWithin(shares.map(formats.share).join(", "), formats.short(radiusM, "m")),
          })
        : EMPTY,
    [centre, hasRings, shown, texts, formats],
  );

  const zones = useMemo(() => {
    const positions = new Map(
      [...sites, ...pois].flatMap(({ id, position }) => (position ? [[id, position] as const] : [])),
    );
    return readZones(
      [...(resources.sites.data?.documents ?? []), ...(resources.pois.data?.documents ?? [])],
      positions,
    );
  }, [sites, pois, resources.sites.data, resources.pois.data]);

  const widthM = resolution === null ? 0 : Number((2 * getHexagonEdgeLengthAvg(resolution, UNITS.m)).toPrecision(1));
  return {
    features: {
      sites: siteFeatures,
      pois: poiFeatures,
      homes: homeFeatures,
      rings,
      catchment: circles,
      ringLabels,
    },
    zones,
    most,
    siteScale,
    isChange,
    homeScale,
    homeLegend: {
      title: resolution === null ? texts.map.homesByArea : texts.map.homesByHexagon(formats.short(widthM, "m")),
      scale: homeScale,
    },
  };
}
