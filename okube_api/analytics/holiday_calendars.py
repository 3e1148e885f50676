"""Public holidays of countries, and school holidays of France.

Both packages are imported when a question needs them (docs/decisions/0008).
"""

from collections.abc import Iterable
from datetime import date
from functools import lru_cache

from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.engine.calendar import Period

SCHOOL_COUNTRY = "FR"
"""The country whose school holidays are known."""
SCHOOL_ZONES = ("A", "B", "C")


class UnknownDays(ValueError):
    """Holidays that are not known; the message says which ones are."""


@lru_cache(maxsize=1)
def _index_countries() -> dict[str, str]:
    """Return the codes of the countries whose public holidays are known, by code and by English name."""
    from holidays.registry import COUNTRIES  # noqa: PLC0415 - only filters on holidays need it

    codes: dict[str, str] = {}
    for name, (class_name, code, alpha_3, *_) in COUNTRIES.items():
        codes |= dict.fromkeys(map(_fold, (name, class_name, code, alpha_3)), code)
    return codes


def _fold(name: str) -> str:
    """Return the letters of a name in lower case."""
    return "".join(filter(str.isalpha, name)).casefold()


@lru_cache(maxsize=1000)
def find_country(name: str) -> str | None:
    """Return the code (ISO 3166, two letters) of a country; None if its public holidays are not known.

    name: the code of two or three letters, or the English name.
    """
    return _index_countries().get(_fold(name))


@lru_cache(maxsize=256)
def list_public_holidays(country: str, period: Period) -> frozenset[int]:
    """Return the public holidays of a country in a period, as ordinals.

    country: a code that `find_country` returns.  Regional holidays are left out.
    Raise UnknownDays for years that are not known.
    """
    from holidays import country_holidays  # noqa: PLC0415 - only filters on holidays need it

    first, last = to_date(period.first), to_date(period.last)
    calendar = country_holidays(country, years=range(first.year, last.year + 1))
    if first.year < calendar.start_year or last.year > calendar.end_year:
        message = f"The public holidays of {country} are known from {calendar.start_year} to {calendar.end_year}."
        raise UnknownDays(message)
    return frozenset(map(to_ordinal, calendar))


@lru_cache(maxsize=1)
def _read_school_days() -> dict[str, frozenset[int]]:
    """Return the days of school holidays of each zone, as ordinals."""
    from vacances_scolaires_france import SchoolHolidayDates  # noqa: PLC0415 - only filters on holidays need it

    days: dict[date, dict[str, bool]] = SchoolHolidayDates().data
    return {
        zone: frozenset(to_ordinal(day) for day, flags in days.items() if flags[f"vacances_zone_{zone.lower()}"])
        for zone in SCHOOL_ZONES
    }


def list_school_holidays(zones: Iterable[str], period: Period) -> frozenset[int]:
    """Return the days on which one of the zones has school holidays, as ordinals.

    Raise UnknownDays for a period of which some days are not known: the ministry publishes them some years ahead.
    """
    days_by_zone = _read_school_days()
    every_day = frozenset[int]().union(*days_by_zone.values())
    first, last = min(every_day), max(every_day)
    if period.first < first or period.last > last:
        message = f"The school holidays of France are known from {to_date(first)} to {to_date(last)}."
        raise UnknownDays(message)
    return frozenset[int]().union(*(days_by_zone[zone] for zone in zones))
