"""Generates stays, and raw pings instead of stays at sites for the last days."""

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.formats import FORMATS, STREET
from okube_api.demo.generator.panel import DemoPanel
from okube_api.demo.generator.random_columns import (
    format_names,
    take_values,
    to_instants,
)
from okube_api.demo.generator.rhythm import Rhythm, draw_events
from okube_api.demo.generator.world import DAYS, METRES_PER_DEGREE, World
from okube_api.store.arrays import Flags, Floats, Ints

TIMEZONE = "Europe/Paris"
PING_DAYS = 14  # last days, whose stays at sites are given as pings
_AT_SITE = 0.62  # share of stays; the others are at POIs
_INDOOR = 0.7  # share of stays
_IN_OWN_CITY = 0.85  # share of stays
_PINGS_PER_STAY = 6


def draw_dwells(random: np.random.Generator, size: int) -> Ints:
    """Draw dwells in seconds, most between five minutes and an hour, all above the two minutes of a valid stay."""
    drawn: Floats = random.lognormal(math.log(1300), 0.9, size=size)
    return np.clip(drawn, 125, 6 * 3600).astype(np.int64)


def generate_stays_and_pings(
    world: World, panel: DemoPanel, rhythms: Sequence[Rhythm], random: np.random.Generator
) -> tuple[pa.Table, pa.Table]:
    """Return the events of kind `stays` and those of kind `pings`."""
    size = world.stays_per_day * DAYS
    users = random.choice(world.users, size=size, p=panel.outing_share)
    shops = len(world.sites) - 1
    city = np.where(random.random(size) < _IN_OWN_CITY, panel.city[users], random.integers(0, shops, size=size))
    at_site = random.random(size) < _AT_SITE
    poi = city * 3 + random.integers(0, 3, size=size)
    indoor = random.random(size) < _INDOOR
    formats = np.where(at_site & indoor, world.site_formats[city], FORMATS.index(STREET))
    days, start = draw_events(rhythms, formats, random)
    dwell = draw_dwells(random, size)
    order = np.lexsort((users, start))
    order = order[(~at_site | world.are_open(city, days))[order]]
    is_raw = ((days >= DAYS - PING_DAYS) & at_site)[order]
    matched, raw = order[~is_raw], order[is_raw]
    stays = pa.table(
        {
            "user": format_names("user", users[matched]),
            "site": take_values([site.key for site in world.sites], np.where(at_site, city, -1)[matched]),
            "poi": take_values([place.key for place in world.pois], np.where(at_site, -1, poi)[matched]),
            "start": to_instants(start[matched]),
            "duration_s": dwell[matched],
            "zone": take_values(("indoor", "outdoor"), np.where(indoor, 0, 1)[matched]),
        }
    )
    pings = _build_pings(
        world,
        users=users[raw],
        city=city[raw],
        indoor=indoor[raw],
        start=start[raw],
        dwell=np.minimum(dwell[raw], 4000),
    )
    return stays, pings


def _build_pings(world: World, *, users: Ints, city: Ints, indoor: Flags, start: Ints, dwell: Ints) -> pa.Table:
    """Return pings spread evenly over each stay: indoor, or just outside of the walls."""
    number = np.arange(_PINGS_PER_STAY)
    at = (start[:, None] + dwell[:, None] * number // (_PINGS_PER_STAY - 1)).ravel()
    points = np.array([site.coordinates for site in world.sites if site.coordinates is not None])
    lng, lat = points[city].T
    metres = np.where(indoor, 8.0, 70.0)  # north of the centre; outdoors is 60 to 80 m away, see docs/stays.md
    return pa.table(
        {
            "user": format_names("user", np.repeat(users, _PINGS_PER_STAY)),
            "at": to_instants(at),
            "lng": np.repeat(lng, _PINGS_PER_STAY),
            "lat": np.repeat(lat + metres / METRES_PER_DEGREE, _PINGS_PER_STAY),
        }
    )
