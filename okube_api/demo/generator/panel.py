"""Generates the panel: home, work, phone and weight of each user."""

from dataclasses import dataclass

import numpy as np
import orjson
import pyarrow as pa

from okube_api.demo.generator.cities import CITIES
from okube_api.demo.generator.random_columns import format_names, take_values
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
_UNKNOWN = 0.04  # share of unknown homes, works and phones, and of users without a panelist event


@dataclass(frozen=True, slots=True)
class DemoPanel:
    """Arrays by user number; -1 is unknown.

    city: index of the site of the world in that city.
    home, work: indexes of areas of the world.
    phone: index of `_PHONES`.
    """

    city: Ints
    home: Ints
    work: Ints
    phone: Ints
    weight: Floats  # rounded to thousandths
    outing_share: Floats  # share in all stays of the panel; sums to 1
    recorded: Ints  # numbers of the users that have a panelist event


def generate_panel(world: World) -> DemoPanel:
    """Draw the panel of a world."""
    random = world.create_random("panel")
    size, shops = world.users, len(world.sites) - 1
    weights = np.array([CITIES[site.city].weight for site in world.sites[:shops]], dtype=np.float64) ** 0.6
    city = random.choice(shops, size=size, p=weights / weights.sum())
    outings = random.pareto(1.6, size=size) + 0.3

    def draw_areas() -> Ints:
        number = np.minimum(random.exponential(2.0, size=size).astype(np.int64), AREAS_PER_CITY - 1)
        return np.where(random.random(size) < _UNKNOWN, -1, city * AREAS_PER_CITY + number)

    return DemoPanel(
        city=city,
        home=draw_areas(),
        work=draw_areas(),
        phone=np.where(random.random(size) < _UNKNOWN, -1, random.choice(len(_PHONES), size=size)),
        weight=np.round(random.gamma(4.0, 0.25, size=size) + 0.05, 3),
        outing_share=outings / outings.sum(),
        recorded=np.flatnonzero(random.random(size) >= _UNKNOWN),
    )


def build_areas(world: World) -> pa.Table:
    """Return the events of kind `areas`."""
    return pa.table(
        {
            "code": [area.code for area in world.areas],
            "name": [area.name for area in world.areas],
            "lng": [area.lng for area in world.areas],
            "lat": [area.lat for area in world.areas],
            "geometry": [
                orjson.dumps({"type": "Polygon", "coordinates": [area.outline]}).decode() for area in world.areas
            ],
        }
    )


def build_panelists(world: World, panel: DemoPanel) -> pa.Table:
    """Return the events of kind `panelists`."""
    codes, rows = [area.code for area in world.areas], panel.recorded
    return pa.table(
        {
            "user": format_names("user", rows),
            "weight": panel.weight[rows],
            "home": take_values(codes, panel.home[rows]),
            "work": take_values(codes, panel.work[rows]),
            **{
                name: take_values([phone[column] for phone in _PHONES], panel.phone[rows])
                for column, name in enumerate(("os", "manufacturer", "model"))
            },
        }
    )
