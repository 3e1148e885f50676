/** Where the visitors of a site live: home areas by distance, and the radius within which a share of them is. */
import type { Groups } from "~/api/questions";
import { measureDistance, type Position } from "~/plots/geodesy";

/** Code under which an answer has the visitors whose home is not known. */
const UNKNOWN = "unknown";

export interface HomeArea {
  code: string;
  name: string;
  visitors: number;
  /** Centre of the area, if the application has the area. */
  position: Position | undefined;
  /** From the site to the centre; without a site, from the nearest one. */
  distanceM: number | undefined;
}

export interface Catchment {
  /** Visitors whose home area has a position. */
  located: number;
  /** All visitors, those without a known home included. */
  total: number;
  /** Radius in metres within which a share of the located visitors live, by share. */
  radii: { share: number; radiusM: number }[];
}

/** Shares of visitors whose radius is shown. */
const SHARES = [0.5, 0.8] as const;

/** Return the visitors by home area, those with most first, and the number of visitors without a known home. */
export function readHomes(
  groups: Groups,
  areas: ReadonlyMap<string, { name: string; position: Position }>,
  sites: readonly Position[],
): { homes: HomeArea[]; unknown: number } {
  let unknown = 0;
  const homes: HomeArea[] = [];
  for (const [code, { all, name }] of Object.entries(groups)) {
    const visitors = typeof all === "number" ? all : 0;
    if (code === UNKNOWN) unknown += visitors;
    else if (visitors > 0) {
      const area = areas.get(code);
      const position = area?.position;
      const distanceM = position && sites.length ? distanceToNearest(position, sites) : undefined;
      homes.push({ code, name: area?.name ?? name ?? code, visitors, position, distanceM });
    }
  }
  homes.sort((left, right) => right.visitors - left.visitors || left.code.localeCompare(right.code));
  return { homes, unknown };
}

function distanceToNearest(position: Position, sites: readonly Position[]): number {
  return Math.min(...sites.map((site) => measureDistance(site, position)));
}

/**
 * Return the catchment of a site: for each share, the least radius within which that share of the visitors live.
 *
 * All visitors of an area count as living at its centre. `undefined` when no home area has a position.
 */
export function computeCatchment(homes: readonly HomeArea[], unknown: number): Catchment | undefined {
  const near = homes
    .flatMap(({ visitors, distanceM }) => (distanceM === undefined ? [] : [{ visitors, distanceM }]))
    .sort((left, right) => left.distanceM - right.distanceM);
  const located = near.reduce((sum, { visitors }) => sum + visitors, 0);
  if (located <= 0) return undefined;
  const total = unknown + homes.reduce((sum, { visitors }) => sum + visitors, 0);
  return { located, total, radii: SHARES.map((share) => ({ share, radiusM: findRadius(near, share * located) })) };
}

function findRadius(near: readonly { visitors: number; distanceM: number }[], enough: number): number {
  let inside = 0;
  for (const { visitors, distanceM } of near) {
    inside += visitors;
    if (inside >= enough * (1 - 1e-9)) return distanceM; // sums of fractions may miss their whole by a rounding
  }
  return near.at(-1)?.distanceM ?? 0;
}
