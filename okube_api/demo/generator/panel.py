"""The panel: where people live and work, what they carry, how much each stands for."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.demo.generator.cities import CITIES
from okube_api.demo.generator.random_columns import chosen, named
from okube_api.demo.generator.world import AREAS_PER_CITY, World
from okube_api.store.arrays import Floats, Ints

_PHONES = (
    ("android", "Samsung", "Galaxy S23"),
    ("android", "Samsung", "Galaxy A54"),
    ("android", "Xiaomi", "Redmi 12"),
    ("android", "Google", "Pixel 8"),
    ("ios", "Apple", "iPhone 13"),
    ("ios", "Apple", "iPhone 15"),
)
_UNKNOWN = 0.04  # of homes, works and phones; and of users without any record


@dataclass(frozen=True, slots=True)
class People:
    """Arrays by user number; -1 is unknown.  city and areas index the world's sites and areas."""

    city: Ints
    home: Ints
    work: Ints
    phone: Ints
    weight: Floats  # to thousandths
    keen: Floats  # how often someone goes out; sums to 1
    recorded: Ints  # the users with a panelist record


def people(world: World, random: np.random.Generator) -> People:
    """The users of a world."""
    size, shops = world.users, len(world.sites) - 1
    busy = np.array([CITIES[site.city].weight for site in world.sites[:shops]], dtype=np.float64) ** 0.6
    city = random.choice(shops, size=size, p=busy / busy.sum())
    keen = random.pareto(1.6, size=size) + 0.3

    def area() -> Ints:
        near = np.minimum(random.exponential(2.0, size=size).astype(np.int64), AREAS_PER_CITY - 1)
        return np.where(random.random(size) < _UNKNOWN, -1, city * AREAS_PER_CITY + near)

    return People(
        city=city,
        home=area(),
        work=area(),
        phone=np.where(random.random(size) < _UNKNOWN, -1, random.choice(len(_PHONES), size=size)),
        weight=np.round(random.gamma(4.0, 0.25, size=size) + 0.05, 3),
        keen=keen / keen.sum(),
        recorded=np.flatnonzero(random.random(size) >= _UNKNOWN),
    )


def areas(world: World) -> pa.Table:
    """Events of kind `areas`."""
    return pa.table(
        {
            "code": [area.code for area in world.areas],
            "name": [area.name for area in world.areas],
            "lng": [area.lng for area in world.areas],
            "lat": [area.lat for area in world.areas],
        }
    )


def panelists(world: World, found: People) -> pa.Table:
    """Events of kind `panelists`."""
    codes, rows = [area.code for area in world.areas], found.recorded
    return pa.table(
        {
            "user": named("user", rows),
            "weight": found.weight[rows],
            "home": chosen(codes, found.home[rows]),
            "work": chosen(codes, found.work[rows]),
            **{
                name: chosen([phone[column] for phone in _PHONES], found.phone[rows])
                for column, name in enumerate(("os", "manufacturer", "model"))
            },
        }
    )
