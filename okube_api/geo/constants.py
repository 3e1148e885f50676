"""Constants of the H3 grid on which pings are matched to sites and POIs."""

RESOLUTION = 12
"""Resolution of every stored cell."""

OUTDOOR_M = 50.0
"""Width of the outdoor ring around a place's radius, in metres."""

EARTH_M = 6_371_007.180918475
"""Radius of the sphere that H3 measures on, in metres."""
