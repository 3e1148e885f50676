"""Where the panel goes: stays that a provider matched, and for the last days raw pings."""

import math

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.random_columns import chosen, instants, midnights, named, season, times_of_day
from okube_api.demo.generator.panel import People
from okube_api.demo.generator.world import DAYS, METRES_PER_DEGREE, World
from okube_api.store.arrays import Flags, Floats, Ints

TIMEZONE = "Europe/Paris"
PING_DAYS = 14  # of the year, its last days come as pings
_AT_SITE = 0.62  # the rest goes to points of interest
_INDOOR = 0.7
_AT_HOME = 0.85  # goes out in the own city
_PINGS_A_STAY = 6


def dwells(random: np.random.Generator, size: int) -> Ints:
    """Seconds, most of them between five minutes and an hour, at least the two minutes of a kept stay."""
    drawn: Floats = random.lognormal(math.log(1300), 0.9, size=size)
    return np.clip(drawn, 125, 6 * 3600).astype(np.int64)


def outings(world: World, found: People, random: np.random.Generator) -> tuple[pa.Table, pa.Table]:
    """Events of kind `stays` and of kind `pings`."""
    size = world.daily * DAYS
    days = random.choice(DAYS, size=size, p=season(world.first, DAYS))
    users = random.choice(world.users, size=size, p=found.keen)
    shops = len(world.sites) - 1
    city = np.where(random.random(size) < _AT_HOME, found.city[users], random.integers(0, shops, size=size))
    at_site = random.random(size) < _AT_SITE
    poi = city * 3 + random.integers(0, 3, size=size)
    indoor = random.random(size) < _INDOOR
    start = midnights(world.first, DAYS, TIMEZONE)[days] + times_of_day(random, size)
    dwell = dwells(random, size)
    order = np.lexsort((users, start))
    late = days >= DAYS - PING_DAYS
    matched, raw = order[~late[order]], order[late[order] & at_site[order]]
    stays = pa.table(
        {
            "user": named("user", users[matched]),
            "site": chosen([site.key for site in world.sites], np.where(at_site, city, -1)[matched]),
            "poi": chosen([spot.key for spot in world.pois], np.where(at_site, -1, poi)[matched]),
            "start": instants(start[matched]),
            "duration_s": dwell[matched],
            "zone": chosen(("indoor", "outdoor"), np.where(indoor, 0, 1)[matched]),
        }
    )
    pings = _pings(
        world,
        users=users[raw],
        city=city[raw],
        indoor=indoor[raw],
        start=start[raw],
        dwell=np.minimum(dwell[raw], 4000),
    )
    return stays, pings


def _pings(world: World, *, users: Ints, city: Ints, indoor: Flags, start: Ints, dwell: Ints) -> pa.Table:
    """So many pings a stay, evenly over it: within the walls, or on the pavement around."""
    each = np.arange(_PINGS_A_STAY)
    at = (start[:, None] + dwell[:, None] * each // (_PINGS_A_STAY - 1)).ravel()
    points = np.array([site.coordinates for site in world.sites if site.coordinates is not None])
    lng, lat = points[city].T
    metres = np.where(indoor, 8.0, 95.0)  # north of the centre
    return pa.table(
        {
            "user": named("user", np.repeat(users, _PINGS_A_STAY)),
            "at": instants(at),
            "lng": np.repeat(lng, _PINGS_A_STAY),
            "lat": np.repeat(lat + metres / METRES_PER_DEGREE, _PINGS_A_STAY),
        }
    )
