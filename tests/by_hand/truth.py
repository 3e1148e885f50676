"""The events of one application as plain values: the truth from which KPIs are computed by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction

BANDS: Mapping[str, tuple[int, ...]] = {
    "dwell": (0, 300, 900, 1800, 2700, 3600, 5400, 7200),  # seconds
    "distance": (0, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000),  # metres
    "visits": (1, 2, 3, 4, 5, 6, 11),  # visitor-days of a user
    "delay": (0, 1, 2, 3, 7, 14, 30),  # days of 24 hours
    "gap": (1, 2, 8, 32, 91),  # days between visitor-days
    "basket": (0, 10, 20, 50, 100, 200, 500),  # amounts of purchases
}
WINDOWS: Mapping[str, int] = {"click": 30, "print": 7, "opening": 7}  # days


@dataclass(frozen=True)
class Place:
    """A site or a point of interest; coordinates are (longitude, latitude), None for an online site."""

    id: str
    key: str
    name: str
    coordinates: tuple[float, float] | None = None
    timezone: str | None = None  # the application's when None
    online: bool = False
    active: bool = True
    tags: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Equipment:
    id: str
    key: str
    site: str


@dataclass(frozen=True)
class Study:
    id: str
    key: str
    sites: tuple[str, ...]
    pois: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Area:
    """An IRIS area and its centroid, in degrees."""

    code: str
    name: str
    lng: float
    lat: float


@dataclass(frozen=True)
class Panelist:
    user: str
    weight: Fraction = Fraction(1)
    home: str | None = None
    work: str | None = None
    os: str | None = None
    manufacturer: str | None = None
    model: str | None = None


@dataclass(frozen=True)
class Stay:
    """A panel user's stay: zone is indoor or outdoor, start has an offset."""

    user: str
    place: str
    zone: str
    start: datetime
    dwell_s: int


@dataclass(frozen=True)
class Ping:
    user: str
    at: datetime
    place_zones: tuple[tuple[str, str], ...]  # (place, zone) pairs that contain it
    is_jump: bool = False  # reached and left too fast, and ignored


@dataclass(frozen=True)
class Detection:
    device: str
    equipment: str
    at: datetime


@dataclass(frozen=True)
class Cost:
    """kind: fixed, cpm, cpc or cpo; without days, the campaign's."""

    kind: str
    amount: Fraction
    first: date | None = None
    last: date | None = None


@dataclass(frozen=True)
class Campaign:
    """No sites: global.  windows: days by kind of touch, over the application's."""

    id: str
    key: str
    lever: str
    name: str = ""
    sites: tuple[str, ...] = ()
    first: date | None = None
    last: date | None = None
    extras: frozenset[str] = frozenset()  # "name:value"
    costs: tuple[Cost, ...] = ()
    windows: Mapping[str, int] | None = None


@dataclass(frozen=True)
class Touch:
    """kind: print, click, opening or control."""

    user: str
    campaign: str
    at: datetime
    kind: str


@dataclass(frozen=True)
class Visit:
    user: str
    site: str
    at: datetime


@dataclass(frozen=True)
class Purchase:
    user: str
    site: str
    at: datetime
    amount: Fraction
    order: str = ""


@dataclass(frozen=True)
class Delivery:
    campaign: str
    day: date
    site: str | None = None
    prints: int = 0
    clicks: int = 0
    openings: int = 0


@dataclass(frozen=True, eq=False)
class Truth:
    """One application and all of its events; compared and hashed by identity."""

    timezone: str = "Europe/Paris"
    sites: Sequence[Place] = ()
    pois: Sequence[Place] = ()
    equipments: Sequence[Equipment] = ()
    studies: Sequence[Study] = ()
    campaigns: Sequence[Campaign] = ()
    areas: Sequence[Area] = ()
    panelists: Sequence[Panelist] = ()
    stays: Sequence[Stay] = ()
    detections: Sequence[Detection] = ()
    touches: Sequence[Touch] = ()
    deliveries: Sequence[Delivery] = ()
    visits: Sequence[Visit] = ()
    purchases: Sequence[Purchase] = ()
    bands: Mapping[str, tuple[int, ...]] = field(default_factory=lambda: BANDS)
    windows: Mapping[str, int] = field(default_factory=lambda: WINDOWS)
    presence_gap_s: int = 30 * 60
    minimum_s: int = 120
    dropout_s: int = 300

    def place(self, identifier: str) -> Place:
        """Return the site or POI with that id."""
        return next(place for place in (*self.sites, *self.pois) if place.id == identifier)

    def zone_of(self, identifier: str) -> str:
        """Return the time zone of a place."""
        return self.place(identifier).timezone or self.timezone
