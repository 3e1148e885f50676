/** Groups of the map's layers that can be switched off. */
export const GROUPS = ["homes", "catchment", "rings", "pois"] as const;
export type Group = (typeof GROUPS)[number];

/** Points of interest are shown from this zoom on: before, they hide under the sites. */
export const POI_ZOOM = 8;
