import type { Feature, FeatureCollection } from "geojson";
import { type LayerSpecification, type Map as MapLibreMap, Marker } from "maplibre-gl";
import { useEffect, useRef, useState } from "preact/hooks";

import { listResources, useResources } from "~/api/resources";
import { useApplication } from "~/application";
import { useTexts } from "~/i18n/language";
import { createBaseMap, hasWebGl, MAP_FONT, recolour, setFeatures } from "~/plots/baseMap";
import {
  boundsAround,
  boundsOf,
  findPosition,
  makeRing,
  measureDistance,
  type Position,
  readPosition,
} from "~/plots/geodesy";
import { type PlotTheme, readTheme } from "~/plots/theme";
import { useTheme } from "~/theme";
import { Notice } from "~/ui/Notice";

import { geometry as geometryCodec, number, type Position as PositionDraft, position as positionCodec } from "./codecs";
import type { SectionName } from "./fields";
import type { Draft } from "./useDraft";

const DEFAULT_RADIUS_M: Partial<Record<SectionName, number>> = { sites: 30, pois: 70 }; // of the API
const [LEAST_RADIUS_M, MOST_RADIUS_M] = [1, 300];
const MARGIN = 4; // the map shows so many radii around the place
const CONTEXT_ZOOM = 9;
const SOURCES = ["ring", "outline", "context"] as const;

interface Props {
  draft: Draft;
  section: SectionName;
  isDisabled: boolean;
}

/** Map on which a place is put by a click, moved, and given a radius by its edge. */
export function PlaceMap({ draft, section, isDisabled }: Props) {
  const texts = useTexts();
  const { isDark } = useTheme();
  const { key } = useApplication();
  const sites = useResources("sites");
  const container = useRef<HTMLDivElement>(null);
  const [map, setMap] = useState<MapLibreMap>();
  const [hasFailed, setFailed] = useState(false);
  const [pois, setPois] = useState<Feature[]>([]);
  const isOnline = draft.values["online"] === true;

  const place = readPlace(draft.values["coordinates"] as PositionDraft | undefined);
  const radius = readRadius(draft.values["radius"]) ?? DEFAULT_RADIUS_M[section] ?? LEAST_RADIUS_M;
  const outline = draft.values["geometry"];
  const placeId = place?.join();
  const latest = useRef({ draft, isDisabled, place, radius });
  latest.current = { draft, isDisabled, place, radius };

  useEffect(() => {
    const element = container.current;
    if (!element || isOnline) return;
    if (!hasWebGl()) {
      setFailed(true);
      return;
    }
    const theme = readTheme();
    let created: MapLibreMap;
    try {
      created = createBaseMap(element, { texts: texts.map, layers: makeLayers(theme), sources: SOURCES, theme });
    } catch {
      setFailed(true);
      return;
    }
    created.on("load", () => {
      setMap(created);
    });
    created.on("click", ({ lngLat }) => {
      if (!latest.current.isDisabled) setPlace(latest.current.draft, [lngLat.lng, lngLat.lat]);
    });
    let abort = new AbortController();
    created.on("moveend", () => {
      abort.abort(); // what was asked about the view before
      if (created.getZoom() < CONTEXT_ZOOM) return;
      abort = new AbortController();
      const bbox = created.getBounds().toArray().flat().join();
      listResources(key, "pois", { bbox, per_page: 100 }, abort.signal).then(
        ({ documents }) => {
          setPois(documents.map(({ _id, coordinates, name }) => makePoint(_id, coordinates, name ?? "")));
        },
        () => undefined, // they only help to find one's way
      );
    });
    return () => {
      abort.abort();
      setMap(undefined);
      created.remove();
    };
  }, [texts, key, isOnline]);

  useEffect(() => {
    if (map) recolour(map, readTheme(), makeLayers(readTheme()));
  }, [map, isDark]);

  useEffect(() => {
    if (!map) return;
    const points = (sites.data?.documents ?? []).map(({ _id, coordinates, name }) => makePoint(_id, coordinates, name));
    setFeatures(map, "context", collect([...points, ...pois].filter(({ geometry }) => geometry !== null)));
  }, [map, sites.data, pois]);

  useEffect(() => {
    if (!map) return;
    const { place: centre } = latest.current;
    setFeatures(map, "ring", collect(centre ? [makeRingFeature(centre, radius)] : []));
    setFeatures(map, "outline", collect(readOutline(outline)));
  }, [map, placeId, radius, outline]);

  useEffect(() => {
    const { place: centre, radius: reach } = latest.current;
    if (!map) return;
    const points = sites.data?.documents.map(({ coordinates }) => readPosition(coordinates)) ?? [];
    const known = points.filter((point) => point !== undefined);
    if (centre) {
      if (!map.getBounds().contains(centre) || map.getZoom() < CONTEXT_ZOOM)
        map.fitBounds(boundsAround(centre, reach * MARGIN), { animate: false });
    } else {
      const bounds = boundsOf(known);
      if (bounds) map.fitBounds(bounds, { animate: false, padding: 32, maxZoom: 12 });
    }
  }, [map, placeId, sites.data]);

  useEffect(() => {
    if (!map || placeId === undefined) return;
    const { place: centre, isDisabled: isFixed } = latest.current;
    if (!centre) return;
    const marker = new Marker({ draggable: !isFixed, color: readTheme().categories[0] ?? "#000" }).setLngLat(centre);
    marker.addTo(map);
    marker.on("dragend", () => {
      const { lng, lat } = marker.getLngLat();
      setPlace(latest.current.draft, [lng, lat]);
    });
    return () => {
      marker.remove();
    };
  }, [map, placeId, isDisabled]);

  useEffect(() => {
    if (!map || placeId === undefined || isDisabled) return;
    const { place: centre } = latest.current;
    if (!centre) return;
    const element = document.createElement("div");
    element.className = "place-grip";
    element.title = texts.manage.radiusGrip;
    const grip = new Marker({ element, draggable: true }).setLngLat(findPosition(centre, radius, 90)).addTo(map);
    const readDragged = () => {
      const { lng, lat } = grip.getLngLat();
      const distance = Math.round(measureDistance(centre, [lng, lat]));
      return Math.min(MOST_RADIUS_M, Math.max(LEAST_RADIUS_M, distance));
    };
    grip.on("drag", () => {
      setFeatures(map, "ring", collect([makeRingFeature(centre, readDragged())]));
    });
    grip.on("dragend", () => {
      const dragged = readDragged();
      grip.setLngLat(findPosition(centre, dragged, 90));
      latest.current.draft.set({ radius: String(dragged) });
    });
    return () => {
      grip.remove();
    };
  }, [map, placeId, radius, isDisabled, texts]);

  if (isOnline) return <p class="muted">{texts.manage.onlineHasNoPlace}</p>;
  if (hasFailed) return <Notice>{texts.manage.noMap}</Notice>;
  return (
    <div class="stack place-map-field">
      <div ref={container} class="place-map" role="region" aria-label={texts.manage.mapOfPlace} />
      {isDisabled ? null : <p class="field-hint">{texts.manage.mapHint}</p>}
    </div>
  );
}

function setPlace(draft: Draft, [longitude, latitude]: Position): void {
  const write = (degrees: number) => String(Number(degrees.toFixed(6)));
  draft.set({ coordinates: { longitude: write(longitude), latitude: write(latitude) } satisfies PositionDraft });
}

function readPlace(draft: PositionDraft | undefined): Position | undefined {
  const value = draft && (positionCodec.write(draft) as unknown[] | null);
  const [longitude, latitude] = value ?? [];
  if (typeof longitude !== "number" || typeof latitude !== "number") return undefined;
  return Math.abs(longitude) <= 180 && Math.abs(latitude) <= 90 ? [longitude, latitude] : undefined;
}

function readRadius(draft: unknown): number | undefined {
  const value = number.write(String(draft ?? ""));
  return typeof value === "number" && value >= LEAST_RADIUS_M && value <= MOST_RADIUS_M ? value : undefined;
}

/** Return the outline of a place as a feature, if it is GeoJSON. */
function readOutline(draft: unknown): Feature[] {
  const value = geometryCodec.write(String(draft ?? ""));
  const isGeometry = typeof value === "object" && value !== null && "coordinates" in value;
  return isGeometry ? [{ type: "Feature", properties: {}, geometry: value as never }] : [];
}

function makeRingFeature(centre: Position, radius: number): Feature {
  return { type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [makeRing(centre, radius)] } };
}

function makePoint(id: string, coordinates: readonly number[] | undefined, name: string): Feature {
  const position = readPosition(coordinates);
  const geometry = position ? { type: "Point" as const, coordinates: position } : null;
  return { type: "Feature", properties: { id, name }, geometry: geometry as never };
}

function collect(features: Feature[]): FeatureCollection {
  return { type: "FeatureCollection", features };
}

function makeLayers(theme: PlotTheme): LayerSpecification[] {
  const colour = theme.categories[0] ?? theme.text;
  return [
    { id: "ring", type: "fill", source: "ring", paint: { "fill-color": colour, "fill-opacity": 0.2 } },
    { id: "ring-edge", type: "line", source: "ring", paint: { "line-color": colour, "line-width": 2 } },
    {
      id: "outline",
      type: "line",
      source: "outline",
      paint: { "line-color": theme.text, "line-width": 2, "line-dasharray": [3, 2] },
    },
    {
      id: "context",
      type: "circle",
      source: "context",
      paint: { "circle-color": theme.muted, "circle-radius": 4, "circle-opacity": 0.7 },
    },
    {
      id: "context-label",
      type: "symbol",
      source: "context",
      minzoom: CONTEXT_ZOOM,
      layout: {
        "text-field": ["get", "name"],
        "text-font": MAP_FONT,
        "text-size": 12,
        "text-anchor": "top",
        "text-offset": [0, 0.6],
      },
      paint: { "text-color": theme.muted, "text-halo-color": theme.surface, "text-halo-width": 1.5 },
    },
  ];
}
