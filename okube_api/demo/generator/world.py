"""What an application of the demonstration has before anything happens: places, campaigns, people's areas."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from okube_api.demo.generator.cities import CITIES, City

DAYS = 365
METRES_PER_DEGREE = 111_195.0
AREAS_PER_CITY = 8

LEVERS = (  # key, name, the formats that make a campaign its own, how it reaches people, typical cost
    ("display", "Display", ("banner", "video"), ("print", "click"), "cpm"),
    ("social", "Social", ("story", "post"), ("print", "click"), "cpc"),
    ("email", "E-mail", ("newsletter",), ("opening", "click"), "cpo"),
    ("sms", "SMS", ("text",), ("print", "click"), "fixed"),
    ("search", "Search", ("keyword",), ("click",), "cpc"),
    ("other", "Other", (), ("print",), "fixed"),
)
_SPOTS = (("station", "Station"), ("market", "Market"), ("mall", "Shopping mall"))
_ROOMS = ("door", "window", "shoes", "coats", "fitting", "till")
_PRICES = {"cpm": 9.5, "cpc": 0.42, "cpo": 0.015, "fixed": 6000.0}


@dataclass(frozen=True, slots=True)
class Spot:
    """A site or a point of interest; coordinates are (longitude, latitude), None online; city indexes `CITIES`."""

    key: str
    name: str
    city: int
    coordinates: tuple[float, float] | None
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Area:
    """An IRIS area: code (9 characters), name, centroid in degrees."""

    code: str
    name: str
    city: int
    lng: float
    lat: float


@dataclass(frozen=True, slots=True)
class Drive:
    """A campaign: its days (both included), the sites it is about (none: all), what it costs."""

    key: str
    name: str
    lever: int  # indexes LEVERS
    format: str
    first: date
    last: date
    sites: tuple[str, ...]
    price: float
    extra: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class World:
    """One application, and the knobs of what will happen in it.

    users: size of the panel; a day has about `daily` stays, sensors see about `daily_devices` devices.
    lift: how much likelier an exposed user is to come than a control one: the truth that KPIs should find again.
    """

    key: str
    name: str
    seed: int
    first: date
    sites: tuple[Spot, ...]
    pois: tuple[Spot, ...]
    areas: tuple[Area, ...]
    equipments: tuple[tuple[str, str, str], ...]  # site, key, name
    campaigns: tuple[Drive, ...]
    users: int
    daily: int
    daily_devices: int
    lift: float

    @property
    def last(self) -> date:
        """The last day with events."""
        return self.first + timedelta(days=DAYS - 1)


def worlds(until: date, scale: float = 1.0) -> tuple[World, World]:
    """Two applications whose twelve months end on `until`; 40 sites in as many cities, 120 points of interest, 30
    campaigns between them."""
    first = until - timedelta(days=DAYS - 1)
    return (
        _world("maison-lumen", "Maison Lumen", first, range(32), drives=24, scale=scale, lift=0.35),
        _world("petit-quai", "Petit Quai", first, range(32, 40), drives=6, scale=scale / 5, lift=0.2),
    )


def _world(key: str, name: str, first: date, cities: Sequence[int], *, drives: int, scale: float, lift: float) -> World:
    dice = Random(key)  # noqa: S311 - made-up data, not a secret
    slugs = {city: CITIES[city].name.lower().replace(" ", "-") for city in cities}
    shops = tuple(
        Spot(f"{slugs[city]}", f"{name} {CITIES[city].name}", city, _point(CITIES[city]), ("city",)) for city in cities
    )
    spots = tuple(
        Spot(f"{slugs[city]}-{kind}", f"{CITIES[city].name}: {label}", city, _around(dice, city, 300, 1500), (kind,))
        for city in cities
        for kind, label in _SPOTS
    )
    areas = tuple(
        Area(f"{CITIES[city].code}{number + 1:02d}01", f"{CITIES[city].name} {number + 1}", city, lng, lat)
        for city in cities
        for number in range(AREAS_PER_CITY)
        for lng, lat in (_around(dice, city, 200, 4000 * (number + 1)),)
    )
    return World(
        key=key,
        name=name,
        seed=len(cities),
        first=first,
        sites=(*shops, Spot("web", f"{name} online", -1, None, ("online",))),
        pois=spots,
        areas=areas,
        equipments=tuple(
            (shop.key, f"{shop.key}-{room}", room.capitalize())
            for shop in shops[: max(len(shops) // 5, 1)]
            for room in _ROOMS
        ),
        campaigns=tuple(_drive(dice, number, first, shops) for number in range(drives)),
        users=max(round(24_000 * scale), 20),
        daily=max(round(320 * scale), 4),
        daily_devices=max(round(110 * scale), 3),
        lift=lift,
    )


def _point(city: City) -> tuple[float, float]:
    return city.lng, city.lat


def _around(dice: Random, city: int, least_m: float, most_m: float) -> tuple[float, float]:
    """A point at some distance of a city's centre, to a metre or so."""
    distance, angle = dice.uniform(least_m, most_m), dice.uniform(0, 2 * math.pi)
    north, east = distance * math.cos(angle), distance * math.sin(angle)
    lat = CITIES[city].lat + north / METRES_PER_DEGREE
    lng = CITIES[city].lng + east / (METRES_PER_DEGREE * math.cos(math.radians(lat)))
    return round(lng, 5), round(lat, 5)


def _drive(dice: Random, number: int, first: date, shops: Sequence[Spot]) -> Drive:
    lever = number % len(LEVERS)
    key, name, formats, _, cost = LEVERS[lever]
    start = first + timedelta(days=dice.randrange(10, DAYS - 60))
    wave = number // len(LEVERS) + 1
    some = () if dice.random() < 0.4 else tuple(shop.key for shop in dice.sample(list(shops), max(len(shops) // 3, 1)))
    return Drive(
        key=f"{key}-{wave}",
        name=f"{name}, wave {wave}",
        lever=lever,
        format=dice.choice(formats) if formats else "poster",
        first=start,
        last=start + timedelta(days=dice.choice((13, 20, 27, 41))),
        sites=some,
        price=_PRICES[cost],
        extra=(("wave", str(wave)), ("audience", dice.choice(("new", "loyal", "all")))),
    )
