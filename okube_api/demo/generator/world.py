"""Builds the two applications of the demo: sites, POIs, areas, equipments and campaigns, without events."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from zlib import crc32

import numpy as np

from okube_api.demo.generator.cities import CITIES
from okube_api.demo.generator.formats import CITY, FORMATS, HYPERMARKET, SUPERMARKET, WEB, ShopFormat
from okube_api.kit.demo_names import APPLICATION
from okube_api.store.arrays import Flags, Ints

DAYS = 731
"""Days of a new demo: two years, so that each day of the last one can be compared with one of the year before."""

BLOCK_DAYS = 28
"""Days whose events are drawn together, with random numbers of their own."""

FOLLOWING_DAYS = 35
"""By how many days, at most, events follow the last day of their block or campaign: visits, then refunds."""

HORIZON_DAYS = 140
"""Days after the last one that events are drawn for and left out, more than the longest campaign and what follows."""

METRES_PER_DEGREE = 111_195.0
_RING_RADII_M = (2000.0, 5500.0, 12_000.0)
_RING_SECTORS = (1, 3, 4)
AREAS_PER_CITY = sum(_RING_SECTORS)
_STEPS = 24
_STEP = 2 * math.pi / _STEPS
Outline = tuple[tuple[float, float], ...]

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
_CAPACITIES = {HYPERMARKET: 900, SUPERMARKET: 260, CITY: 60}
_OPENED = ("Rouen", 500)
"""City whose shop opened in between: this many days after the first one."""

_CLOSED = ("Metz", 610)
"""City whose shop closed in between: this many days after the first one."""

_WAVE_DAYS = 91
"""Days after which each lever has its next campaign: four in 364 days, on the same weekdays each year."""

_RUNS = {  # by lever: days from the start of a wave to the start of the campaign, and the days that it runs
    "display": (60, 63),
    "social": (24, 70),
    "email": (40, 77),
    "sms": (31, 63),
    "search": (7, 91),
    "other": (50, 63),
}
"""Less than 30 days lie between two campaigns of a lever, so that a month without any of them does not occur."""

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
    capacity: int | None = None


@dataclass(frozen=True, slots=True)
class DemoArea:
    """An IRIS area with a point in its middle, in degrees; the code has 9 characters.

    outline: a closed ring of longitudes and latitudes, counterclockwise.
    """

    code: str
    name: str
    city: int
    lng: float
    lat: float
    outline: Outline


@dataclass(frozen=True, slots=True)
class DemoCampaign:
    """A campaign.

    number: counts the campaigns of the world in order; it stays the same when the world has more days.
    first, last: its days, both included; the last campaigns go on after the last day with events.
    sites: keys of the sites that it advertises; empty for all.
    """

    number: int
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

    The events of a day depend on `first` and on the day, not on `last`: a demo is continued by generating the days
    since its last one, and has then the same events as if all had been generated at once.  Only pings differ: stays
    at sites are given as pings in the last days of a new demo, and in all days that are added.

    first, last: the first and the last day with events.
    since: the first day whose events are generated; those of earlier days exist already.
    users: size of the panel.
    stays_per_day, devices_per_day: averages.
    lift: by how much exposed users visit more often than control users: the true value that KPIs should reproduce.
    """

    key: str
    name: str
    seed: int
    first: date
    last: date
    since: date
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
    def days(self) -> int:
        """Number of days from the first to the last."""
        return (self.last - self.first).days + 1

    def are_new(self, days: Ints) -> Flags:
        """Return whether the events of days, counted from the first, are generated; same shape."""
        return np.asarray((days >= (self.since - self.first).days) & (days < self.days))

    def list_blocks(self, following_days: int = 0) -> range:
        """Return the blocks that have events of the days to generate, at most `following_days` after the block."""
        low = max((self.since - self.first).days - following_days, 0)
        return range(low // BLOCK_DAYS, (self.days - 1) // BLOCK_DAYS + 1)

    def list_campaigns(self, following_days: int = 0) -> list[DemoCampaign]:
        """Return the campaigns that have events of the days to generate, at most `following_days` after their end."""
        low = self.since - timedelta(days=following_days)
        return [campaign for campaign in self.campaigns if campaign.last >= low]

    def create_random(self, stream: str, number: int = 0) -> np.random.Generator:
        """Return the random numbers of a block, of a campaign, or of the whole world, for events of one kind."""
        return np.random.default_rng([self.seed, crc32(stream.encode()), number])

    @property
    def site_formats(self) -> Ints:
        """Index of the format of each site in `FORMATS`."""
        return np.array([FORMATS.index(site.shop_format) for site in self.sites])

    def are_open(self, sites: Ints, days: Ints) -> Flags:
        """Return whether sites (indexes) had opened and not yet closed on days, counted from the first; same shapes."""
        first = np.array([(site.first - self.first).days for site in self.sites])
        # A shop that is open on the last day stays open, so that later days do not change what is drawn for it.
        last = np.array([(site.last - self.first).days if site.last < self.last else 2**31 for site in self.sites])
        return np.asarray((first[sites] <= days) & (days <= last[sites]))


def build_worlds(
    until: date, scale: float = 1.0, *, first: date | None = None, since: date | None = None
) -> tuple[World, World]:
    """Return two applications whose events end on `until`.

    Together they have 40 shops in as many cities, 120 POIs, and 96 campaigns in two years.
    first: the first day with events; two years before the last one if absent.
    since: the first day whose events are generated; the first one if absent.
    """
    first = first or until - timedelta(days=DAYS - 1)
    days = first, until, since or first
    return (
        _build_world(APPLICATION, "Maison Lumen", days, range(32), scale=scale, lift=0.35),
        _build_world("petit-quai", "Petit Quai", days, range(32, 40), scale=scale / 5, lift=0.2),
    )


def _build_world(
    key: str, name: str, days: tuple[date, date, date], cities: Sequence[int], *, scale: float, lift: float
) -> World:
    random = Random(key)  # noqa: S311 - generated data, not a secret
    slugs = {city: CITIES[city].name.lower().replace(" ", "-") for city in cities}
    first, last, since = days
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
    areas = tuple(area for city in cities for area in _build_areas(random, city))
    return World(
        key=key,
        name=name,
        seed=len(cities),
        first=first,
        last=last,
        since=since,
        sites=(*shops, DemoSite("web", f"{name} online", -1, None, ("online",), WEB, first, last)),
        pois=pois,
        areas=areas,
        equipments=tuple(
            (shop.key, f"{shop.key}-{room}", room.capitalize())
            for shop in shops[: max(len(shops) // 5, 1)]
            for room in _ROOMS
        ),
        campaigns=tuple(_build_campaigns(key, first, last, shops)),
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
    start = first
    if place.name == _OPENED[0]:
        start = first + timedelta(days=_OPENED[1])
    if place.name == _CLOSED[0]:
        last = min(first + timedelta(days=_CLOSED[1]), last)
    capacity = _CAPACITIES[shop_format] + 10 * (city % 7)
    return DemoSite(
        slug, f"{name} {place.name}", city, (place.lng, place.lat), tuple(tags), shop_format, start, last, capacity
    )


def _draw_point(random: Random, city: int, min_m: float, max_m: float) -> tuple[float, float]:
    """Draw a point between two distances from the centre of a city."""
    return _locate(city, random.uniform(min_m, max_m), random.uniform(0, 2 * math.pi))


def _locate(city: int, distance_m: float, angle: float) -> tuple[float, float]:
    """Return a point at a distance from the centre of a city, rounded to about a metre; the angle is from the east."""
    north, east = distance_m * math.sin(angle), distance_m * math.cos(angle)
    lat = CITIES[city].lat + north / METRES_PER_DEGREE
    lng = CITIES[city].lng + east / (METRES_PER_DEGREE * math.cos(math.radians(lat)))
    return round(lng, 5), round(lat, 5)


def _build_areas(random: Random, city: int) -> Iterator[DemoArea]:
    """Divide a city into its areas: the centre, and two rings around it, which are cut into sectors.

    All outlines have their corners at multiples of `_STEP`, where neighbours have the same ones.
    """
    phases = [random.uniform(0, 2 * math.pi) for _ in _RING_RADII_M]

    def draw_arc(ring: int, start: int, steps: int) -> list[tuple[float, float]]:
        """Return the points of the outer border of a ring, between two multiples of `_STEP`; ring -1 is the centre."""
        if ring < 0:
            return []
        angles = [step * _STEP for step in range(start, start + steps + 1)]
        return [_locate(city, measure_radius(ring, angle), angle) for angle in angles]

    def measure_radius(ring: int, angle: float) -> float:
        return _RING_RADII_M[ring] * (1 + 0.08 * math.sin(3 * angle + phases[ring]))

    number = 0
    for ring, sectors in enumerate(_RING_SECTORS):
        steps = _STEPS // sectors
        turn = random.randrange(steps)
        for sector in range(sectors):
            start = turn + sector * steps
            outer, inner = draw_arc(ring, start, steps), draw_arc(ring - 1, start, steps)
            outline = (*outer[: None if inner else -1], *reversed(inner), outer[0])
            inner_m, outer_m = (0.0, 0.0) if ring == 0 else _RING_RADII_M[ring - 1 : ring + 1]
            lng, lat = _locate(city, (inner_m + outer_m) / 2, (start + steps / 2) * _STEP)
            number += 1
            code, name = f"{CITIES[city].code}{number:02d}01", f"{CITIES[city].name} {number}"
            yield DemoArea(code, name, city, lng, lat, outline)


def _build_campaigns(world: str, first: date, last: date, shops: Sequence[DemoSite]) -> Iterator[DemoCampaign]:
    """Build the campaigns that start until the last day, wave by wave; each draws from random numbers of its own."""
    for wave in range((last - first).days // _WAVE_DAYS + 1):
        for lever_index, lever in enumerate(LEVERS):
            offset, length = _RUNS[lever[0]]
            start = first + timedelta(days=wave * _WAVE_DAYS + offset)
            if start <= last:
                number = wave * len(LEVERS) + lever_index
                random = Random(f"{world} {number}")  # noqa: S311 - generated data, not a secret
                yield _build_campaign(random, number, start, length, shops)


def _build_campaign(random: Random, number: int, start: date, length: int, shops: Sequence[DemoSite]) -> DemoCampaign:
    wave, lever_index = divmod(number, len(LEVERS))
    key, name, formats, _, cost = LEVERS[lever_index]
    is_global = random.random() < 0.4
    sites = () if is_global else tuple(shop.key for shop in random.sample(list(shops), max(len(shops) // 3, 1)))
    return DemoCampaign(
        number=number,
        key=f"{key}-{wave + 1}",
        name=f"{name}, wave {wave + 1}",
        lever_index=lever_index,
        format=random.choice(formats) if formats else "poster",
        provider=random.choice(_PROVIDERS),
        agency=_AGENCIES[lever_index % len(_AGENCIES)],
        tags=("national",) if is_global else ("local", "drive-to-store"),
        first=start,
        last=start + timedelta(days=length - 1),
        sites=sites,
        price=_PRICES[cost],
        extra=(("wave", str(wave + 1)), ("audience", random.choice(("new", "loyal", "all")))),
    )
