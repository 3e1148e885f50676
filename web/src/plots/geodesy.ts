/** Distances and shapes on the sphere. Positions are `[longitude, latitude]` in degrees. */

export type Position = [longitude: number, latitude: number];
/** West, south, east, north. */
export type Bounds = [number, number, number, number];

const EARTH_RADIUS_M = 6_371_007.180918475; // that of the API, and of H3
const RING_CORNERS = 72;

const radians = (degrees: number) => (degrees * Math.PI) / 180;
const degrees = (angle: number) => (angle * 180) / Math.PI;

/** Return the great-circle distance between two positions, in metres. */
export function measureDistance(from: Position, to: Position): number {
  const [latitude, otherLatitude] = [radians(from[1]), radians(to[1])];
  const across = Math.sin((otherLatitude - latitude) / 2) ** 2;
  const along = Math.sin(radians(to[0] - from[0]) / 2) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.sqrt(across + Math.cos(latitude) * Math.cos(otherLatitude) * along));
}

/** Return the position at a distance in metres from another, in a direction in degrees clockwise from north. */
export function findPosition(from: Position, distanceM: number, direction: number): Position {
  const angle = distanceM / EARTH_RADIUS_M;
  const [bearing, latitude] = [radians(direction), radians(from[1])];
  const end = Math.asin(
    Math.sin(latitude) * Math.cos(angle) + Math.cos(latitude) * Math.sin(angle) * Math.cos(bearing),
  );
  const turn = Math.atan2(
    Math.sin(bearing) * Math.sin(angle) * Math.cos(latitude),
    Math.cos(angle) - Math.sin(latitude) * Math.sin(end),
  );
  return [from[0] + degrees(turn), degrees(end)];
}

/** Return the closed ring of the positions at a distance in metres around a centre, counterclockwise. */
export function makeRing(centre: Position, radiusM: number, corners = RING_CORNERS): Position[] {
  const ring = Array.from({ length: corners }, (_, index) => findPosition(centre, radiusM, -(360 * index) / corners));
  return [...ring, ring[0] as Position];
}

/** Return the bounds of what lies within a distance in metres of a centre. */
export function boundsAround(centre: Position, radiusM: number): Bounds {
  const latitudes = [findPosition(centre, radiusM, 180)[1], findPosition(centre, radiusM, 0)[1]] as const;
  const reach = findPosition(centre, radiusM, 90)[0] - centre[0];
  return [centre[0] - reach, latitudes[0], centre[0] + reach, latitudes[1]];
}

/** Return the bounds of positions; `undefined` when there are none. */
export function boundsOf(positions: readonly Position[]): Bounds | undefined {
  if (!positions.length) return undefined;
  const longitudes = positions.map(([longitude]) => longitude);
  const latitudes = positions.map(([, latitude]) => latitude);
  return [Math.min(...longitudes), Math.min(...latitudes), Math.max(...longitudes), Math.max(...latitudes)];
}

/** Return the position of `[longitude, latitude]` as the API has it, which may be empty. */
export function readPosition(coordinates: readonly number[] | undefined | null): Position | undefined {
  const [longitude, latitude] = coordinates ?? [];
  return longitude === undefined || latitude === undefined ? undefined : [longitude, latitude];
}
