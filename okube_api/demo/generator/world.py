"""Builds the two applications of the demo: sites, POIs, areas, equipments and campaigns, without events."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from okube_api.demo.generator.cities import CITIES

DAYS = 365
METRES_PER_DEGREE = 111_195.0
AREAS_PER_CITY = 8

LEVERS = (  # key, name, formats of its campaigns, kinds of its touches, type of its costs
    ("display", "Display", ("banner", "video"), ("print", "click"), "cpm"),
    ("social", "Social", ("story", "post"), ("print", "click"), "cpc"),
    ("email", "E-mail", ("newsletter",), ("opening", "click"), "cpo"),
    ("sms", "SMS", ("text",), ("print", "click"), "fixed"),
    ("search", "Search", ("keyword",), ("click",), "cpc"),
    ("other", "Other", (), ("print",), "fixed"),
)
_POI_KINDS = (("station", "Station"), ("market", "Market"), ("mall", "Shopping mall"))
_ROOMS = ("door", "window", "shoes", "coats", "fitting", "till")
_PRICES = {"cpm": 9.5, "cpc": 0.42, "cpo": 0.015, "fixed": 6000.0}


@dataclass(frozen=True, slots=True)
class DemoPlace:
    """A site or a POI.

    city: index of `CITIES`.
    coordinates: longitude and latitude, None for the online site.
    """

    key: str
    name: str
    city: int
    coordinates: tuple[float, float] | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoArea:
    """An IRIS area with its centroid in degrees; the code has 9 characters."""

    code: str
    name: str
    city: int
    lng: float
    lat: float


@dataclass(frozen=True, slots=True)
class DemoCampaign:
    """A campaign.

    first, last: its days, both included.
    sites: keys of the sites that it advertises; empty for all.
    """

    key: str
    name: str
    lever_index: int  # indexes LEVERS
    format: str
    first: date
    last: date
    sites: tuple[str, ...]
    price: float
    extra: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class World:
    """An application, and the parameters of its events.

    users: size of the panel.
    stays_per_day, devices_per_day: averages.
    lift: by how much exposed users visit more often than control users: the true value that KPIs should reproduce.
    """

    key: str
    name: str
    seed: int
    first: date
    sites: tuple[DemoPlace, ...]
    pois: tuple[DemoPlace, ...]
    areas: tuple[DemoArea, ...]
    equipments: tuple[tuple[str, str, str], ...]  # site, key, name
    campaigns: tuple[DemoCampaign, ...]
    users: int
    stays_per_day: int
    devices_per_day: int
    lift: float

    @property
    def last(self) -> date:
        """Last day with events."""
        return self.first + timedelta(days=DAYS - 1)


def build_worlds(until: date, scale: float = 1.0) -> tuple[World, World]:
    """Return two applications whose year of events ends on `until`.

    Together they have 40 sites in as many cities, 120 POIs and 30 campaigns.
    """
    first = until - timedelta(days=DAYS - 1)
    return (
        _build_world("maison-lumen", "Maison Lumen", first, range(32), campaigns=24, scale=scale, lift=0.35),
        _build_world("petit-quai", "Petit Quai", first, range(32, 40), campaigns=6, scale=scale / 5, lift=0.2),
    )


def _build_world(
    key: str, name: str, first: date, cities: Sequence[int], *, campaigns: int, scale: float, lift: float
) -> World:
    random = Random(key)  # noqa: S311 - generated data, not a secret
    slugs = {city: CITIES[city].name.lower().replace(" ", "-") for city in cities}
    shops = tuple(
        DemoPlace(slugs[city], f"{name} {CITIES[city].name}", city, (CITIES[city].lng, CITIES[city].lat), ("city",))
        for city in cities
    )
    pois = tuple(
        DemoPlace(
            f"{slugs[city]}-{kind}",
            f"{CITIES[city].name}: {label}",
            city,
            _draw_point(random, city, 300, 1500),
            (kind,),
        )
        for city in cities
        for kind, label in _POI_KINDS
    )
    areas = tuple(
        DemoArea(f"{CITIES[city].code}{number + 1:02d}01", f"{CITIES[city].name} {number + 1}", city, lng, lat)
        for city in cities
        for number in range(AREAS_PER_CITY)
        for lng, lat in (_draw_point(random, city, 200, 4000 * (number + 1)),)
    )
    return World(
        key=key,
        name=name,
        seed=len(cities),
        first=first,
        sites=(*shops, DemoPlace("web", f"{name} online", -1, None, ("online",))),
        pois=pois,
        areas=areas,
        equipments=tuple(
            (shop.key, f"{shop.key}-{room}", room.capitalize())
            for shop in shops[: max(len(shops) // 5, 1)]
            for room in _ROOMS
        ),
        campaigns=tuple(_build_campaign(random, number, first, shops) for number in range(campaigns)),
        users=max(round(24_000 * scale), 20),
        stays_per_day=max(round(320 * scale), 4),
        devices_per_day=max(round(110 * scale), 3),
        lift=lift,
    )


def _draw_point(random: Random, city: int, min_m: float, max_m: float) -> tuple[float, float]:
    """Draw a point between two distances from the centre of a city, rounded to about a metre."""
    distance, angle = random.uniform(min_m, max_m), random.uniform(0, 2 * math.pi)
    north, east = distance * math.cos(angle), distance * math.sin(angle)
    lat = CITIES[city].lat + north / METRES_PER_DEGREE
    lng = CITIES[city].lng + east / (METRES_PER_DEGREE * math.cos(math.radians(lat)))
    return round(lng, 5), round(lat, 5)


def _build_campaign(random: Random, number: int, first: date, shops: Sequence[DemoPlace]) -> DemoCampaign:
    lever = number % len(LEVERS)
    key, name, formats, _, cost = LEVERS[lever]
    start = first + timedelta(days=random.randrange(10, DAYS - 60))
    wave = number // len(LEVERS) + 1
    sites = (
        () if random.random() < 0.4 else tuple(shop.key for shop in random.sample(list(shops), max(len(shops) // 3, 1)))
    )
    return DemoCampaign(
        key=f"{key}-{wave}",
        name=f"{name}, wave {wave}",
        lever_index=lever,
        format=random.choice(formats) if formats else "poster",
        first=start,
        last=start + timedelta(days=random.choice((13, 20, 27, 41))),
        sites=sites,
        price=_PRICES[cost],
        extra=(("wave", str(wave)), ("audience", random.choice(("new", "loyal", "all")))),
    )
