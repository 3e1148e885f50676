"""A question, its buckets, and the places that it looks at."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from tests.by_hand.calendars import ISO_CALENDAR, Calendar
from tests.by_hand.truth import Place, Study, Truth


@dataclass(frozen=True)
class Filter:
    """A filter: accepts one of `values`, or (negated) none of them."""

    values: frozenset[str]
    negated: bool = False

    def accepts(self, value: str | None) -> bool:
        """Return whether the filter accepts a value."""
        return (value in self.values) != self.negated


def only(*values: str) -> Filter:
    """Return a filter that accepts these values."""
    return Filter(frozenset(values))


def without(*values: str) -> Filter:
    """Return a filter that accepts all but these values."""
    return Filter(frozenset(values), negated=True)


@dataclass(frozen=True)
class Question:
    """A question; everything is by id.  `site` is the site of the path, in a query about one site."""

    first: date
    last: date
    mode: str = "histogram"
    granularity: str = "day"
    scope: str = "globals"
    uplift: bool = False
    study: str | None = None
    site: str | None = None
    sites: Filter | None = None
    tags: Filter | None = None
    pois: Filter | None = None
    homes: Filter | None = None
    works: Filter | None = None
    zones: Filter | None = None
    campaigns: Filter | None = None
    levers: Filter | None = None
    extras: Filter | None = None
    equipments: Filter | None = None
    channels: Filter | None = None
    weekdays: frozenset[int] | None = None  # 1 is Monday
    dates: frozenset[date] | None = None  # the days to keep
    row_test: Callable[[Any], bool] | None = None  # whether a row counts (not of conversion)
    calendar: Calendar = ISO_CALENDAR

    def days(self) -> list[date]:
        """Return the days of the period, both ends included."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def contains(self, day: date) -> bool:
        """Return whether a local day is in the period and passes the filters on days."""
        passes = self.weekdays is None or day.isoweekday() in self.weekdays
        return self.first <= day <= self.last and passes and (self.dates is None or day in self.dates)

    def bucket(self, day: date) -> str:
        """Return the key of the bucket of a day of the period."""
        if self.granularity != "day":
            return self.calendar.find_bucket(self.mode, self.granularity, day, self.first)
        return str((day - self.first).days if self.mode == "histogram" else day.isoweekday())

    def buckets(self) -> list[str]:
        """Return the keys of all buckets of the period, in order of first appearance."""
        return list(dict.fromkeys(self.bucket(day) for day in self.days()))


def local_day(at: datetime, timezone: str) -> date:
    """Return the day of an instant in a time zone."""
    return at.astimezone(ZoneInfo(timezone)).date()


def is_active_or_named(place: Place, filter_: Filter | None, question: Question) -> bool:
    """Return whether a place takes part: inactive places do only if a filter or the path names them."""
    named = filter_ is not None and not filter_.negated and place.id in filter_.values
    return place.active or named or place.id == question.site


def select_sites(truth: Truth, question: Question) -> list[Place]:
    """Return the sites that the question looks at: those of its study that pass the path and the filters."""
    study = find_study(truth, question)
    return [
        site
        for site in truth.sites
        if site.id in places_of_study(truth, study)
        and (question.site is None or site.id == question.site)
        and (question.sites is None or question.sites.accepts(site.id))
        and (question.tags is None or bool(question.tags.values & site.tags) != question.tags.negated)
        and is_active_or_named(site, question.sites, question)
    ]


def select_pois(truth: Truth, question: Question) -> list[Place]:
    """Return the POIs of the study that the question looks at."""
    study = find_study(truth, question)
    return [
        poi
        for poi in truth.pois
        if poi.id in places_of_study(truth, study)
        and (question.pois is None or question.pois.accepts(poi.id))
        and is_active_or_named(poi, question.pois, question)
    ]


def places_of_study(truth: Truth, study: Study | None) -> set[str]:
    """Return the sites and POIs of a study; a study without sites is global and has every site."""
    sites, pois = ({site.id for site in truth.sites}, {poi.id for poi in truth.pois})
    return sites | pois if study is None else {*(study.sites or sites), *study.pois}


def find_study(truth: Truth, question: Question) -> Study | None:
    """Return the study of the question."""
    return next((study for study in truth.studies if study.id == question.study), None)
