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
from okube_api.demo.generator.rhythm import BlockRhythm, Rhythm
from okube_api.demo.generator.world import METRES_PER_DEGREE, World
from okube_api.store.arrays import Flags, Floats, Ints

TIMEZONE = "Europe/Paris"
_WAY_S, _WAY_M = 120, 400.0  # before and after a stay, and how far away
PING_DAYS = 14  # last days of a new demo, whose stays at sites are given as pings
_AT_SITE = 0.62  # share of stays; the others are at POIs
_INDOOR = 0.7  # share of stays
_IN_OWN_CITY = 0.85  # share of stays
_PINGS_PER_STAY = 6


def draw_dwells(random: np.random.Generator, size: int) -> Ints:
    """Draw dwells in seconds, most between five minutes and an hour, all above the two minutes of a valid stay."""
    drawn: Floats = random.lognormal(math.log(1300), 0.9, size=size)
    return np.clip(drawn, 125, 6 * 3600).astype(np.int64)


def generate_stays_and_pings(world: World, panel: DemoPanel, rhythms: Sequence[Rhythm]) -> tuple[pa.Table, pa.Table]:
    """Return the events of kind `stays` and those of kind `pings`."""
    by_block = [_draw_outings(world, panel, BlockRhythm.create(rhythms, block)) for block in world.list_blocks()]
    drawn = [np.concatenate(columns) for columns in zip(*by_block, strict=True)]
    order = np.lexsort((drawn[0], drawn[3]))
    user, city, poi, start, dwell, outdoor, raw = (column[order] for column in drawn)
    is_raw = raw.astype(np.bool_)
    stays = pa.table(
        {
            "user": format_names("user", user[~is_raw]),
            "site": take_values([site.key for site in world.sites], np.where(poi < 0, city, -1)[~is_raw]),
            "poi": take_values([place.key for place in world.pois], poi[~is_raw]),
            "start": to_instants(start[~is_raw]),
            "duration_s": dwell[~is_raw],
            "zone": take_values(("indoor", "outdoor"), outdoor[~is_raw]),
        }
    )
    pings = _build_pings(
        world,
        users=user[is_raw],
        city=city[is_raw],
        indoor=outdoor[is_raw] == 0,
        start=start[is_raw],
        dwell=np.minimum(dwell[is_raw], 4000),
    )
    return stays, pings


def _draw_outings(world: World, panel: DemoPanel, rhythm: BlockRhythm) -> tuple[Ints, ...]:
    """Return users, cities, POIs, starts, dwells, zones and forms of the stays of a block; shapes (stays,).

    POIs are -1 for stays at sites; zones are 0 indoor, 1 outdoor; forms are 0 for stays, 1 for pings.
    """
    random = world.create_random("stays", rhythm.block)
    size = rhythm.count_candidates(world.stays_per_day)
    users = random.choice(world.users, size=size, p=panel.outing_share)
    shops = len(world.sites) - 1
    city = np.where(random.random(size) < _IN_OWN_CITY, panel.city[users], random.integers(0, shops, size=size))
    at_site = random.random(size) < _AT_SITE
    poi = np.where(at_site, -1, city * 3 + random.integers(0, 3, size=size))
    indoor = random.random(size) < _INDOOR
    formats = np.where(at_site & indoor, world.site_formats[city], FORMATS.index(STREET))
    dwell = draw_dwells(random, size)
    outings, days, start = rhythm.draw(formats, random)
    at_site, city = at_site[outings], city[outings]
    raw_since = world.days - PING_DAYS if world.since == world.first else 0  # all days that are added
    is_raw = (days >= raw_since) & at_site
    happens = world.are_new(days) & (~at_site | world.are_open(city, days))
    columns = (users[outings], city, poi[outings], start, dwell[outings], np.where(indoor[outings], 0, 1), is_raw)
    return tuple(column[happens].astype(np.int64) for column in columns)


def _build_pings(world: World, *, users: Ints, city: Ints, indoor: Flags, start: Ints, dwell: Ints) -> pa.Table:
    """Return pings spread evenly over each stay, indoor or just outside of the walls, and one on each way.

    Without those on the way, the silence before and after would count as dwell, as it may have been part of the stay.
    """
    steps = np.arange(_PINGS_PER_STAY)
    within = start[:, None] + dwell[:, None] * steps // (_PINGS_PER_STAY - 1)
    at = np.hstack([within[:, :1] - _WAY_S, within, within[:, -1:] + _WAY_S])
    points = np.array([site.coordinates for site in world.sites if site.coordinates is not None])
    lng, lat = points[city].T
    metres = np.full(at.shape, _WAY_M)
    # north of the centre; outdoors is 60 to 80 m away, see docs/stays.md
    metres[:, 1:-1] = np.where(indoor, 8.0, 70.0)[:, None]
    number = at.shape[1]
    return pa.table(
        {
            "user": format_names("user", np.repeat(users, number)),
            "at": to_instants(at.ravel()),
            "lng": np.repeat(lng, number),
            "lat": np.repeat(lat, number) + metres.ravel() / METRES_PER_DEGREE,
        }
    )
