"""From the filters on days and hours of a request to days, hours and opening hours of the places of a question."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date

import numpy as np

from okube_api.analytics.directory import Directory
from okube_api.analytics.holiday_calendars import (
    SCHOOL_COUNTRY,
    SCHOOL_ZONES,
    UnknownDays,
    find_country,
    list_public_holidays,
    list_school_holidays,
)
from okube_api.analytics.param_groups import PlacedFilters
from okube_api.analytics.places import NO_PLACES, PlaceSelection, resolve_weekdays
from okube_api.analytics.resource_cache import Resource
from okube_api.analytics.schemas.filters import DayFilter
from okube_api.analytics.schemas.parts import Except
from okube_api.catalogue.buckets import to_ordinal
from okube_api.catalogue.scopes import PlaceRole
from okube_api.engine.calendar import Period
from okube_api.engine.notes import Note, NoteCode
from okube_api.engine.time_filters import DaySelection, OpeningInterval
from okube_api.errors import Impossible
from okube_api.kit.application import Application
from okube_api.kit.year_end import WEEKDAYS
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.values import Json
from okube_api.threads import run_in_thread

_MOST_NAMED = 20
_MOST_INTERVALS = 5000
_COUNTRY_EXAMPLE = '{"settings": {"country": "FR"}}'


@dataclass(frozen=True, slots=True)
class ResolvedTimes:
    """Filters on time; all of them must hold.  See `okube_api.engine.time_filters.TimeFilters`."""

    weekdays: tuple[int, ...] | None = None
    days: DaySelection | None = None
    hours: tuple[int, ...] | None = None
    openings: tuple[OpeningInterval, ...] | None = None


@dataclass(frozen=True, slots=True)
class TimeContext:
    """What filters on time are resolved with.

    countries: the country of each site and POI of the question, by `_id`; empty unless public or school holidays are
        asked for.
    keys: of these places, for messages.
    openings: the opening hours of the sites of the question; none unless they are asked for.
    notes: on sites that are left out.
    """

    period: Period
    countries: Mapping[str, str | None]
    keys: Mapping[str, str]
    openings: tuple[OpeningInterval, ...] = ()
    notes: tuple[Note, ...] = ()

    def resolve(self, filters: Sequence[PlacedFilters]) -> ResolvedTimes:
        """Return what the filters keep.  Raise Impossible, with a pointer, for holidays that are not known."""
        day_filters = [(placed.filters.days, f"{placed.pointer}/days") for placed in filters if placed.filters.days]
        days: DaySelection | None = None
        for day_filter, pointer in day_filters:
            selection = self._select_days(day_filter, pointer)
            days = selection if days is None else combine_days(days, selection, frozenset.intersection)
        return ResolvedTimes(
            resolve_weekdays(filters),
            days,
            _resolve_hours(filters),
            self.openings if any(placed.filters.opening for placed in filters) else None,
        )

    def unite_days(self, parts: Iterable[PlacedFilters]) -> DaySelection:
        """Return the days that pass one of several filters on days and days of the week."""
        united: DaySelection | None = None
        for part in parts:
            times = self.resolve([part])
            selection = times.days or DaySelection(tuple(self.period.days.tolist()))
            if times.weekdays is not None:
                of_weekdays = DaySelection(tuple(_list_weekdays(self.period, times.weekdays)))
                selection = combine_days(selection, of_weekdays, frozenset.intersection)
            united = selection if united is None else combine_days(united, selection, frozenset.union)
        assert united is not None
        return united

    def _select_days(self, day_filter: DayFilter, pointer: str) -> DaySelection:
        """Return the days of the period that a filter keeps, by place where countries differ."""
        days = frozenset(self.period.days.tolist())
        if day_filter.weekdays is not None:
            listed = day_filter.weekdays
            numbers = listed.values if isinstance(listed, Except) else listed
            of_weekdays = frozenset(_list_weekdays(self.period, numbers))
            days = days - of_weekdays if isinstance(listed, Except) else days & of_weekdays
        if day_filter.dates is not None:
            dates = day_filter.dates
            texts = dates.values if isinstance(dates, Except) else dates
            ordinals = frozenset(to_ordinal(date.fromisoformat(text)) for text in texts)
            days = days - ordinals if isinstance(dates, Except) else days & ordinals
        if day_filter.school_holidays is not None:
            days = self._keep_school_holidays(days, day_filter.school_holidays, f"{pointer}/schoolHolidays")
        if day_filter.public_holidays is None:
            return DaySelection(tuple(sorted(days)))
        places_of_country: dict[str, list[str]] = {}
        for place, country in self.countries.items():
            assert country is not None
            places_of_country.setdefault(country, []).append(place)
        by_country: dict[str, tuple[int, ...]] = {}
        for country in places_of_country:
            try:
                holidays = list_public_holidays(country, self.period)
            except UnknownDays as error:
                raise Impossible.at("body", f"{pointer}/publicHolidays", str(error)) from None
            by_country[country] = tuple(sorted(days & holidays if day_filter.public_holidays else days - holidays))
        return _group_places(by_country, places_of_country)

    def _keep_school_holidays(self, days: frozenset[int], zones: Sequence[str] | bool, pointer: str) -> frozenset[int]:
        for place, country in self.countries.items():
            if country not in (None, SCHOOL_COUNTRY):
                message = (
                    f"School holidays are known for France only, but '{self.keys[place]}' is in {country}. Ask for "
                    "sites in France, with a filter such as 'sites.country'."
                )
                raise Impossible.at("body", pointer, message)
        try:
            if isinstance(zones, bool):
                return days - list_school_holidays(SCHOOL_ZONES, self.period)
            return days & list_school_holidays(zones, self.period)
        except UnknownDays as error:
            raise Impossible.at("body", pointer, f"{error} Choose a period within.") from None


def combine_days(
    left: DaySelection, right: DaySelection, combine: Callable[[frozenset[int], frozenset[int]], frozenset[int]]
) -> DaySelection:
    """Return the intersection or union of two selections of days, place by place.

    combine: symmetric.  If both differ by place, they do so for the same places.
    """

    def combine_sorted(days: Iterable[int], more_days: Iterable[int]) -> tuple[int, ...]:
        return tuple(sorted(combine(frozenset(days), frozenset(more_days))))

    if not left.by_place and not right.by_place:
        return DaySelection(combine_sorted(left.days, right.days))
    if not left.by_place or not right.by_place:
        same, differing = (right, left) if left.by_place else (left, right)
        groups = tuple((places, combine_sorted(days, same.days)) for places, days in differing.by_place)
        return DaySelection(combine_sorted(left.days, right.days), groups)
    days_of_place = {place: days for places, days in right.by_place for place in places}
    groups_by_days: dict[tuple[int, ...], list[str]] = {}
    for places, days in left.by_place:
        combined: dict[tuple[int, ...], tuple[int, ...]] = {}
        for place in places:
            more_days = days_of_place[place]
            if more_days not in combined:
                combined[more_days] = combine_sorted(days, more_days)
            groups_by_days.setdefault(combined[more_days], []).append(place)
    groups = tuple((tuple(places), days) for days, places in groups_by_days.items())
    return DaySelection(combine_sorted(left.days, right.days), groups)


def _group_places(
    days_of_country: Mapping[str, tuple[int, ...]], places_of_country: Mapping[str, Sequence[str]]
) -> DaySelection:
    """Return the days of each place; without groups when all places have the same."""
    places_by_days: dict[tuple[int, ...], list[str]] = {}
    for country, days in days_of_country.items():
        places_by_days.setdefault(days, []).extend(places_of_country[country])
    if len(places_by_days) <= 1:
        return DaySelection(next(iter(places_by_days), ()))
    common = frozenset[int].intersection(*map(frozenset, places_by_days))
    groups = tuple((tuple(sorted(places)), days) for days, places in places_by_days.items())
    return DaySelection(tuple(sorted(common)), groups)


def _list_weekdays(period: Period, weekdays: Iterable[int]) -> list[int]:
    days = period.days
    listed: list[int] = days[np.isin((days + 2) % 7 + 1, list(weekdays))].tolist()
    return listed


def _resolve_hours(filters: Iterable[PlacedFilters]) -> tuple[int, ...] | None:
    """Return the hours of the day to include; None for all of them."""
    hour_filters = [placed.filters.hours for placed in filters if placed.filters.hours is not None]
    if not hour_filters:
        return None
    hours = set(range(24))
    for hour_filter in hour_filters:
        hours = hours - {*hour_filter.values} if isinstance(hour_filter, Except) else hours & {*hour_filter}
    return tuple(sorted(hours))


# -- what the places say -----------------------------------------------------------------------------------------


async def load_time_context(
    filters: Sequence[PlacedFilters],
    period: Period,
    application: Application,
    directory: Directory,
    selections: Mapping[PlaceRole, PlaceSelection],
) -> TimeContext:
    """Return what the filters on time need: countries for holidays, and opening hours.

    filters: with the parts of `any`.  selections: the sites or POIs by role, as far as the question looks at them.
    Raise Impossible, with a pointer, for a place without a known country.
    """
    public = _find_day_filter(filters, lambda day_filter: day_filter.public_holidays is not None)
    school = _find_day_filter(filters, lambda day_filter: day_filter.school_holidays is not None)
    opening = next((f"{placed.pointer}/opening" for placed in filters if placed.filters.opening), None)
    if public is None and school is None and opening is None:
        return TimeContext(period, {}, {})
    site_details = await directory.load_details(SITES)
    details = dict(site_details)
    if public is not None and not selections.keys() <= {PlaceRole.SITES}:
        details |= await directory.load_details(POIS)
    places = [place for selection in selections.values() for place in selection.selected]
    sites = selections.get(PlaceRole.SITES, NO_PLACES)

    def build() -> TimeContext:
        countries: dict[str, str | None] = {}
        if public is not None or school is not None:
            countries = {place.id: _read_country(place, details, application, public) for place in places}
            if public is not None:
                missing = next((place.key for place in places if countries[place.id] is None), None)
                countries = _complete_countries(countries, missing, application, f"{public}/publicHolidays")
        _load_holidays(countries if public is not None else {}, period, with_schools=school is not None)
        openings, notes = _read_openings(sites, details, opening) if opening is not None else ((), ())
        return TimeContext(period, countries, {place.id: place.key for place in places}, openings, notes)

    return await run_in_thread(build)


def _load_holidays(countries: Mapping[str, str | None], period: Period, *, with_schools: bool) -> None:
    """Compute the holidays of a period, which are cached: the packages take too long for the event loop."""
    with suppress(UnknownDays):  # refused when a filter is resolved, which knows its pointer
        for country in {*countries.values()} - {None}:
            list_public_holidays(str(country), period)
        if with_schools:
            list_school_holidays(SCHOOL_ZONES, period)


def _find_day_filter(filters: Iterable[PlacedFilters], matches: Callable[[DayFilter], bool]) -> str | None:
    """Return the pointer to the first filter on days that matches; None when none does."""
    for placed in filters:
        if placed.filters.days is not None and matches(placed.filters.days):
            return f"{placed.pointer}/days"
    return None


def _read_country(
    place: Resource, details: Mapping[str, Json], application: Application, public: str | None
) -> str | None:
    """Return the code of the country of a place: of its address, or else of the application; None without one.

    public: the pointer to the filter on public holidays, which need a code; otherwise any name is returned.
    """
    name = (details.get(place.id, {}).get("address") or {}).get("country") or application.settings.country
    if not name:
        return None
    country = find_country(name)
    if country is None and public is not None:
        message = (
            f"The public holidays of '{name[:100]}', the country of '{place.key}', are not known. Use the code of two "
            "letters (ISO 3166), such as 'FR', or leave the place out."
        )
        raise Impossible.at("body", f"{public}/publicHolidays", message)
    return country or str(name)


def _complete_countries(
    countries: Mapping[str, str | None], missing: str | None, application: Application, pointer: str
) -> dict[str, str | None]:
    """Return the countries with that of all other places where it is missing.

    missing: the key of a place without a country.  Raise Impossible if the other places have none or several.
    """
    given = {country for country in countries.values() if country is not None}
    if missing is not None and len(given) != 1:
        message = (
            f"The country of '{missing}' is not known, so that its public holidays are not, either. Set the setting "
            f"'country' of the application (PATCH /applications/{application.key}, {_COUNTRY_EXAMPLE}), or the country "
            "in the address of each site."
        )
        raise Impossible.at("body", pointer, message)
    return {place: country or next(iter(given)) for place, country in countries.items()}


def _read_openings(
    sites: PlaceSelection, details: Mapping[str, Json], pointer: str
) -> tuple[tuple[OpeningInterval, ...], tuple[Note, ...]]:
    """Return the opening hours of the sites, and a note on sites that have none."""
    weekdays_of: dict[tuple[str, int, int], list[int]] = {}
    without: list[str] = []
    for site in sites.selected:
        openings = details.get(site.id, {}).get("openings") or {}
        of_site = [
            (site.id, *_read_interval(hours), number)
            for number, weekday in enumerate(WEEKDAYS, 1)
            for hours in openings.get(weekday) or ()
        ]
        if not of_site:
            without.append(site.key)
        for identifier, first, last, number in of_site:
            weekdays_of.setdefault((identifier, first, last), []).append(number)
    places_of: dict[tuple[tuple[int, ...], int, int], list[str]] = {}
    for (identifier, first, last), weekdays in weekdays_of.items():
        places_of.setdefault((tuple(weekdays), first, last), []).append(identifier)
    if len(places_of) > _MOST_INTERVALS:
        message = f"The sites have more than {_MOST_INTERVALS:,} different opening hours. Ask for fewer sites."
        raise Impossible.at("body", pointer, message)
    intervals = tuple(OpeningInterval(*key, tuple(places)) for key, places in places_of.items())
    return intervals, (_note_sites_without_openings(without),) if without else ()


def _read_interval(hours: Sequence[str]) -> tuple[int, int]:
    """Return the first and the last minute of the day within opening hours."""
    start, end = (int(text[:2]) * 60 + int(text[3:]) for text in hours)
    return start, end - 1


def _note_sites_without_openings(keys: Sequence[str]) -> Note:
    more = f" and {len(keys) - _MOST_NAMED:,} more" if len(keys) > _MOST_NAMED else ""
    message = f"Sites without opening hours are left out: {', '.join(keys[:_MOST_NAMED])}{more}."
    return Note(NoteCode.SITES_WITHOUT_OPENINGS, message)
