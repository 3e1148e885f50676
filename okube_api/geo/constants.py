"""Constants of the H3 grid on which pings are matched to sites and POIs."""

RESOLUTION = 12
"""Resolution of every stored cell."""

OUTDOOR_M = 50.0
"""Width of the outdoor ring around a place's radius, in metres."""

EARTH_M = 6_371_007.180918475
"""Radius of the sphere that H3 measures on, in metres."""

MAX_CELLS = 10_000
"""The most indoor cells and the most outdoor cells of a place."""

POI_RADIUS_M = 70.0
"""Radius of POIs that have none, in metres; also of sites that were stored without one."""

SITE_RADIUS_M = 30.0
"""Radius of sites that have none, in metres."""
