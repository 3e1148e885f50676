"""Builds the two applications of the demo: sites, POIs, areas, equipments and campaigns, without events."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

import numpy as np

from okube_api.demo.generator.cities import CITIES
from okube_api.demo.generator.formats import CITY, FORMATS, HYPERMARKET, SUPERMARKET, WEB, ShopFormat
from okube_api.store.arrays import Flags, Ints

DAYS = 731
"""Two years, one of them leap: each day of the last one can be compared with the same one of the year before."""

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
_FORMATS = (HYPERMARKET, SUPERMARKET, CITY, CITY, SUPERMARKET)  # in turn, by city
_OPENED = ("Rouen", 230)
"""City whose shop opened in between: this many days before the last one."""

_CLOSED = ("Metz", 120)
"""City whose shop closed in between: this many days before the last one."""

_YEAR_DAYS = 364
"""Days after which the waves of campaigns come again, on the same weekdays."""

_PROVIDERS = ("Adline", "Régie Sud", "Mediaquai")
_AGENCIES = ("Atelier Nord", "Studio Lumen")
_PRICES = {"cpm": 9.5, "cpc": 0.42, "cpo": 0.015, "fixed": 6000.0}


@dataclass(frozen=True, slots=True)
class DemoPoi:
    """A point of interest.  city: index of `CITIES`.  coordinates: longitude and latitude."""

    key: str
    name: str
    city: int
    coordinates: tuple[float, float]
    tags: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoSite:
    """A shop, or the online site.

    city: index of `CITIES`; -1 for the online site.
    coordinates: longitude and latitude; None for the online site.
    first, last: days between which it was open, both included.
    """

    key: str
    name: str
    city: int
    coordinates: tuple[float, float] | None
    tags: tuple[str, ...]
    shop_format: ShopFormat
    first: date
    last: date


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

    first, last: its days, both included; the last campaigns go on after the last day with events.
    sites: keys of the sites that it advertises; empty for all.
    """

    key: str
    name: str
    lever_index: int  # indexes LEVERS
    format: str
    provider: str
    agency: str
    tags: tuple[str, ...]
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
    sites: tuple[DemoSite, ...]
    pois: tuple[DemoPoi, ...]
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

    @property
    def site_formats(self) -> Ints:
        """Index of the format of each site in `FORMATS`."""
        return np.array([FORMATS.index(site.shop_format) for site in self.sites])

    def are_open(self, sites: Ints, days: Ints) -> Flags:
        """Return whether sites (indexes) had opened and not yet closed on days, counted from the first; same shapes."""
        first, last = (
            np.array([(day - self.first).days for day in bounds])
            for bounds in ([site.first for site in self.sites], [site.last for site in self.sites])
        )
        return np.asarray((first[sites] <= days) & (days <= last[sites]))


def build_worlds(until: date, scale: float = 1.0) -> tuple[World, World]:
    """Return two applications whose two years of events end on `until`.

    Together they have 40 shops in as many cities, 120 POIs and 48 campaigns.
    """
    first = until - timedelta(days=DAYS - 1)
    return (
        _build_world("maison-lumen", "Maison Lumen", first, range(32), waves_per_year=3, scale=scale, lift=0.35),
        _build_world("petit-quai", "Petit Quai", first, range(32, 40), waves_per_year=1, scale=scale / 5, lift=0.2),
    )


def _build_world(
    key: str, name: str, first: date, cities: Sequence[int], *, waves_per_year: int, scale: float, lift: float
) -> World:
    random = Random(key)  # noqa: S311 - generated data, not a secret
    slugs = {city: CITIES[city].name.lower().replace(" ", "-") for city in cities}
    last, waves = first + timedelta(days=DAYS - 1), 2 * waves_per_year
    shops = tuple(_build_shop(name, slugs[city], city, first, last) for city in cities)
    pois = tuple(
        DemoPoi(
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
        sites=(*shops, DemoSite("web", f"{name} online", -1, None, ("online",), WEB, first, last)),
        pois=pois,
        areas=areas,
        equipments=tuple(
            (shop.key, f"{shop.key}-{room}", room.capitalize())
            for shop in shops[: max(len(shops) // 5, 1)]
            for room in _ROOMS
        ),
        campaigns=tuple(
            _build_campaign(
                random, lever, wave, last - timedelta(days=(waves - wave - 1) * _YEAR_DAYS // waves_per_year), shops
            )
            for wave in range(waves)
            for lever in range(len(LEVERS))
        ),
        users=max(round(20_000 * scale), 20),
        stays_per_day=max(round(320 * scale), 2),
        devices_per_day=max(round(60 * scale), 1),
        lift=lift,
    )


def _build_shop(name: str, slug: str, city: int, first: date, last: date) -> DemoSite:
    shop_format, place = _FORMATS[city % len(_FORMATS)], CITIES[city]
    tags = [shop_format.name]
    if city % 3 == 0:
        tags.append("click-and-collect")
    if place.name == _OPENED[0]:
        first = last - timedelta(days=_OPENED[1])
    if place.name == _CLOSED[0]:
        last -= timedelta(days=_CLOSED[1])
    return DemoSite(slug, f"{name} {place.name}", city, (place.lng, place.lat), tuple(tags), shop_format, first, last)


def _draw_point(random: Random, city: int, min_m: float, max_m: float) -> tuple[float, float]:
    """Draw a point between two distances from the centre of a city, rounded to about a metre."""
    distance, angle = random.uniform(min_m, max_m), random.uniform(0, 2 * math.pi)
    north, east = distance * math.cos(angle), distance * math.sin(angle)
    lat = CITIES[city].lat + north / METRES_PER_DEGREE
    lng = CITIES[city].lng + east / (METRES_PER_DEGREE * math.cos(math.radians(lat)))
    return round(lng, 5), round(lat, 5)


def _build_campaign(random: Random, lever: int, wave: int, middle: date, shops: Sequence[DemoSite]) -> DemoCampaign:
    """Build the campaign of a lever in a wave, which runs on the day `middle`."""
    key, name, formats, _, cost = LEVERS[lever]
    days = random.choice((14, 21, 28, 42))
    start = middle - timedelta(days=random.randrange(days // 2, days - 2))
    is_global = random.random() < 0.4
    sites = () if is_global else tuple(shop.key for shop in random.sample(list(shops), max(len(shops) // 3, 1)))
    return DemoCampaign(
        key=f"{key}-{wave + 1}",
        name=f"{name}, wave {wave + 1}",
        lever_index=lever,
        format=random.choice(formats) if formats else "poster",
        provider=random.choice(_PROVIDERS),
        agency=_AGENCIES[lever % len(_AGENCIES)],
        tags=("national",) if is_global else ("local", "drive-to-store"),
        first=start,
        last=start + timedelta(days=days - 1),
        sites=sites,
        price=_PRICES[cost],
        extra=(("wave", str(wave + 1)), ("audience", random.choice(("new", "loyal", "all")))),
    )
