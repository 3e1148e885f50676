"""A retailer whose every visit and purchase is known, and the answers to questions about it in plain Python.

Nothing here imports the package: figures follow from the events by the definitions of the specification alone.
"""

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from functools import cache
from typing import Any
from zoneinfo import ZoneInfo

FIRST, LAST = date(2023, 1, 1), date(2024, 4, 7)
HOME_ZONE = "Europe/Paris"
CALENDAR = {"retail": "4-5-4", "yearEnds": "saturday nearest 31 January"}
RETAIL_YEARS = {
    2021: date(2021, 1, 31),
    2022: date(2022, 1, 30),
    2023: date(2023, 1, 29),  # of 53 weeks
    2024: date(2024, 2, 4),
    2025: date(2025, 2, 2),
}
"""First days of the fiscal years that the National Retail Federation has published."""
_WEEKS = (4, 5, 4) * 4


@dataclass(frozen=True)
class Shop:
    """A site: its key, its fields and what it can be grouped by.

    groups: its values by name of grouping; none where it has none.
    openings: hours of the day by ISO weekday at which it is open, as half-open ranges of minutes; None when unknown.
    """

    key: str
    zone: str
    fields: Mapping[str, Any]
    groups: Mapping[str, tuple[str, ...]]
    openings: Mapping[int, tuple[int, int]] | None = None
    is_online: bool = False


@dataclass(frozen=True)
class Happening:
    """A visit (amount None) or a purchase (amount in cents; negative for a refund)."""

    user: str
    shop: Shop
    at: datetime
    cents: int | None = None

    @property
    def local(self) -> datetime:
        """The local time at the shop."""
        return self.at.astimezone(ZoneInfo(self.shop.zone))

    @property
    def day(self) -> date:
        """The local day."""
        return self.local.date()


def _build_shop(
    key: str, zone: str, *, tags: Sequence[str] = (), openings: tuple[str, str] | None = None, **more: Any
) -> Shop:
    attributes, address = more.get("attributes", {}), more.get("address")
    fields: dict[str, Any] = {"key": key, "name": key.title(), "timezone": zone, **more}
    if tags:
        fields["tags"] = list(tags)
    opened = None
    if openings is not None:
        weekdays = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
        fields["openings"] = {name: [list(openings)] for name in weekdays}
        low, high = (int(text[:2]) * 60 + int(text[3:]) for text in openings)
        opened = dict.fromkeys(range(1, 7), (low, high))
    groups = {
        "sites": (key,),
        "sites.tags": tuple(tags),
        "sites.type": (more["type"],) if "type" in more else (),
        "sites.attributes.region": (attributes["region"],) if "region" in attributes else (),
        "sites.city": (address["city"],) if address else (),
        "channels": ("online" if more.get("online") else "offline",),
    }
    return Shop(key, zone, fields, groups, opened, bool(more.get("online")))


def _address(city: str, code: str) -> dict[str, str]:
    return {"city": city, "zipCode": code, "street": "1 High Street", "country": "FR"}


SHOPS = (
    _build_shop(
        "lille",
        HOME_ZONE,
        tags=("drive",),
        openings=("09:30", "19:00"),
        type="hyper",
        attributes={"region": "Nord"},
        online=False,
    ),
    _build_shop("arras", HOME_ZONE, tags=("drive", "city"), type="city", attributes={"region": "Nord"}, online=False),
    _build_shop("boston", "America/New_York", type="city", attributes={"region": "East"}, online=False),
    _build_shop("kolkata", "Asia/Kolkata", tags=("city",), attributes={"region": "South"}, online=False),
    _build_shop("plain", HOME_ZONE, openings=("10:00", "20:30"), online=False),
    _build_shop("island", "Australia/Lord_Howe", tags=("drive",), type="hyper", online=False),
    _build_shop("web", HOME_ZONE, attributes={"region": "Web"}, online=True),
)


def generate_happenings(seed: int, count: int) -> list[Happening]:
    """Return visits and purchases, some at clock changes and at the ends of days, no two visits alike."""
    generator = random.Random(seed)
    users = [f"user-{number}" for number in range(25)]
    seen: set[tuple[str, str, datetime]] = set()
    happenings: list[Happening] = []
    hot = [date(2023, 3, 26), date(2023, 10, 29), date(2024, 2, 29), date(2024, 3, 31), date(2024, 4, 7)]
    hot += [date(2023, 11, 5), date(2024, 3, 10), date(2023, 10, 1), date(2024, 1, 31), date(2024, 2, 3)]
    while len(happenings) < count:
        shop = generator.choice(SHOPS)
        days = (LAST - FIRST).days
        day = generator.choice(hot) if generator.random() < 0.3 else FIRST + timedelta(generator.randrange(days + 1))
        hour = generator.choice((0, 1, 2, 3, 8, 9, 10, 12, 15, 18, 19, 20, 23))
        local = datetime.combine(day, time(hour, generator.choice((0, 29, 30, 59))), ZoneInfo(shop.zone))
        at = local.replace(fold=generator.randrange(2)).astimezone(UTC)
        user = generator.choice(users)
        if (user, shop.key, at) in seen:
            continue
        seen.add((user, shop.key, at))
        if generator.random() < 0.7:
            happenings.append(Happening(user, shop, at))
        if generator.random() < 0.45:
            cents = generator.randrange(100, 20_000) * (-1 if generator.random() < 0.2 else 1)
            happenings.append(Happening(user, shop, at, cents))
    return happenings


# -- calendar --------------------------------------------------------------------------------------------------------


def locate_fiscal(day: date) -> tuple[int, int, int]:
    """Return the fiscal year, the month in it (1 to 12) and the week in it (1 to 53)."""
    year = max(year for year, start in RETAIL_YEARS.items() if start <= day)
    week = (day - RETAIL_YEARS[year]).days // 7
    month, last = 0, 0
    for number, weeks in enumerate(_WEEKS):
        last += weeks
        month = number + 1
        if week < last:
            break
    return year, month, week + 1


_HISTOGRAM: Mapping[str, Callable[[date], Any]] = {
    "day": lambda day: day,
    "week": lambda day: day - timedelta((day.weekday() + 1) % 7),
    "month": lambda day: (day.year, day.month),
    "quarter": lambda day: (day.year, (day.month - 1) // 3),
    "year": lambda day: day.year,
    "fiscalMonth": lambda day: locate_fiscal(day)[:2],
    "fiscalQuarter": lambda day: (locate_fiscal(day)[0], (locate_fiscal(day)[1] - 1) // 3),
    "fiscalYear": lambda day: locate_fiscal(day)[0],
}
_AGGREGATION: Mapping[str, Callable[[date], str]] = {
    "day": lambda day: str(day.isoweekday()),
    "week": lambda day: str(locate_fiscal(day)[2]),
    "month": lambda day: str(day.month),
    "quarter": lambda day: str((day.month - 1) // 3 + 1),
    "year": lambda day: str(day.year),
    "fiscalMonth": lambda day: str(locate_fiscal(day)[1]),
    "fiscalQuarter": lambda day: str((locate_fiscal(day)[1] - 1) // 3 + 1),
    "fiscalYear": lambda day: str(locate_fiscal(day)[0]),
}


def label_bucket(happening: Happening, period: tuple[date, date], mode: str, granularity: str) -> str:
    """Return the key of the bucket of an event."""
    local = happening.local
    if granularity == "hour" and mode == "histogram":
        midnight = datetime.combine(period[0], time(), ZoneInfo(happening.shop.zone))
        return str((happening.at - midnight.astimezone(UTC)) // timedelta(hours=1))
    if granularity == "hour":
        return str(local.hour)
    if granularity == "hourOfWeek":
        return f"{local.isoweekday()}-{local.hour}"
    if mode == "aggregation":
        return _AGGREGATION[granularity](happening.day)
    return str(_list_buckets(period, granularity).index(_HISTOGRAM[granularity](happening.day)))


@cache
def _list_buckets(period: tuple[date, date], granularity: str) -> list[Any]:
    days = (period[0] + timedelta(number) for number in range((period[1] - period[0]).days + 1))
    return sorted({_HISTOGRAM[granularity](day) for day in days})


# -- figures ---------------------------------------------------------------------------------------------------------

Number = int | float | None
ADDITIVE = ("visits", "purchases", "sales", "refunds")
DISTINCT = ("visitors",)
RATIOS = ("averageBasket", "conversionRate", "salesPerVisitor", "salesPerVisit", "visitFrequency")
KPIS = ADDITIVE + DISTINCT + RATIOS


def compute_exactly(kpi: str, happenings: Sequence[Happening]) -> Fraction | None:
    """Return a KPI of some events, not rounded."""
    visits = [each for each in happenings if each.cents is None]
    amounts = [each.cents for each in happenings if each.cents is not None]
    numbers = {
        "visits": Fraction(len(visits)),
        "visitors": Fraction(len({each.user for each in visits})),
        "purchases": Fraction(sum(cents >= 0 for cents in amounts)),
        "sales": Fraction(sum(amounts), 100),
        "refunds": Fraction(-sum(cents for cents in amounts if cents < 0), 100),
    }
    parts = {
        "averageBasket": ("sales", "purchases"),
        "conversionRate": ("purchases", "visits"),
        "salesPerVisitor": ("sales", "visitors"),
        "salesPerVisit": ("sales", "visits"),
        "visitFrequency": ("visits", "visitors"),
    }
    if kpi in numbers:
        return numbers[kpi]
    numerator, denominator = (numbers[name] for name in parts[kpi])
    return numerator / denominator if denominator else None


def round_half_even(number: Fraction | None, digits: int) -> Number:
    """Round a number as answers do."""
    if number is None:
        return None
    scaled = number * 10**digits
    whole = Decimal(scaled.numerator) / Decimal(scaled.denominator)
    return float(Decimal(int(whole.to_integral_value(ROUND_HALF_EVEN))) / Decimal(10**digits))


def compute(kpi: str, happenings: Sequence[Happening]) -> Number:
    """Return a KPI of some events, as the answer shows it."""
    return round_half_even(compute_exactly(kpi, happenings), 4 if kpi in RATIOS else 2)


# -- questions -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PlainQuestion:
    """A question with one param.

    filters: tests that events pass, with the filters of the request that say the same.
    by: names of groupings, outermost first.
    """

    kpi: str
    period: tuple[date, date]
    mode: str = "histogram"
    granularity: str = "month"
    by: tuple[str, ...] = ()
    keeps: Callable[[Happening], bool] = field(default=lambda _: True)

    def select(self, happenings: Iterable[Happening], period: tuple[date, date] | None = None) -> list[Happening]:
        """Return the events that count."""
        first, last = period or self.period
        return [each for each in happenings if first <= each.day <= last and self.keeps(each)]

    def group(self, happenings: Iterable[Happening]) -> dict[tuple[str, ...], list[Happening]]:
        """Return the events by group; an event in several groups is in each."""
        groups: dict[tuple[str, ...], list[Happening]] = {} if self.by else {(): []}
        for each in happenings:
            values = [list_groups(each, name) for name in self.by]
            keys: list[tuple[str, ...]] = [()]
            for names in values:
                keys = [(*key, name) for key in keys for name in names]
            for key in keys:
                groups.setdefault(key, []).append(each)
        return groups

    def list_leaves(
        self, happenings: Sequence[Happening], period: tuple[date, date] | None = None
    ) -> dict[str, Number]:
        """Return the leaves of some events: `all`, and those of the buckets that have events."""
        buckets: dict[str, list[Happening]] = {}
        for each in happenings:
            label = label_bucket(each, period or self.period, self.mode, self.granularity)
            buckets.setdefault(label, []).append(each)
        leaves = {label: compute(self.kpi, members) for label, members in buckets.items()}
        return {"all": compute(self.kpi, happenings), **leaves}


def list_groups(happening: Happening, name: str) -> tuple[str, ...]:
    """Return the groups of an event under a grouping."""
    return happening.shop.groups[name] or ("unknown",)


def is_open(happening: Happening) -> bool:
    """Return whether the shop is open at the start of an event."""
    openings, local = happening.shop.openings, happening.local
    if openings is None or local.isoweekday() not in openings:
        return False
    low, high = openings[local.isoweekday()]
    return low <= local.hour * 60 + local.minute < high
