/** Where the map looks, as the URL has it: `longitude,latitude,zoom`. */
import type { Position } from "~/plots/geodesy";

export interface Camera {
  centre: Position;
  zoom: number;
}

/** Return a camera as it is written in the URL: five decimals are about a metre. */
export function formatCamera({ centre: [longitude, latitude], zoom }: Camera): string {
  return [longitude.toFixed(5), latitude.toFixed(5), zoom.toFixed(2)].map(Number).join(",");
}

/** Return the camera that the URL names, if it does. */
export function parseCamera(text: string | null): Camera | undefined {
  const numbers = (text ?? "").split(",").map((part) => (part.trim() ? Number(part) : Number.NaN));
  const [longitude, latitude, zoom] = numbers;
  if (numbers.length !== 3 || longitude === undefined || latitude === undefined || zoom === undefined) return undefined;
  const isOnEarth = Math.abs(longitude) <= 540 && Math.abs(latitude) <= 85;
  return isOnEarth && zoom >= 0 && zoom <= 24 ? { centre: [longitude, latitude], zoom } : undefined;
}
