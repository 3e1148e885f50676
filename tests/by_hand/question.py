"""A question, and the buckets that its period falls into."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from tests.by_hand.truth import Place, Study, Truth


@dataclass(frozen=True)
class Filter:
    """One of `values`, or none of them."""

    values: frozenset[str]
    negated: bool = False

    def keeps(self, value: str | None) -> bool:
        """Whether something with that value stays in the question."""
        return (value in self.values) != self.negated


def only(*values: str) -> Filter:
    """A filter that keeps these values."""
    return Filter(frozenset(values))


def without(*values: str) -> Filter:
    """A filter that keeps all but these values."""
    return Filter(frozenset(values), negated=True)


@dataclass(frozen=True)
class Question:
    """Everything is by id; `site` is the one of the path, in a site query."""

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
    weekdays: frozenset[int] | None = None  # 1 is Monday

    def days(self) -> list[date]:
        """The days of the period, both ends included."""
        return [self.first + timedelta(days=n) for n in range((self.last - self.first).days + 1)]

    def holds(self, day: date) -> bool:
        """Whether what happened on that local day is in the question."""
        return self.first <= day <= self.last and (self.weekdays is None or day.isoweekday() in self.weekdays)

    def bucket(self, day: date) -> str:
        """The key of the bucket that a day of the period falls into."""
        return BUCKETS[self.mode, self.granularity](day, self.first)

    def buckets(self) -> list[str]:
        """Every key that the period touches, in order of first appearance."""
        return list(dict.fromkeys(self.bucket(day) for day in self.days()))


def _monday(day: date) -> date:
    return day - timedelta(days=day.weekday())


BUCKETS: dict[tuple[str, str], Callable[[date, date], str]] = {
    ("histogram", "day"): lambda day, first: str((day - first).days),
    ("histogram", "week"): lambda day, first: str((_monday(day) - _monday(first)).days // 7),
    ("histogram", "month"): lambda day, first: str((day.year - first.year) * 12 + day.month - first.month),
    ("histogram", "year"): lambda day, first: str(day.year - first.year),
    ("aggregation", "day"): lambda day, first: str(day.isoweekday()),
    ("aggregation", "week"): lambda day, first: str(day.isocalendar().week),
    ("aggregation", "month"): lambda day, first: str(day.month),
    ("aggregation", "year"): lambda day, first: str(day.year),
}


def local_day(at: datetime, zone: str) -> date:
    """The day of an instant where it happened."""
    return at.astimezone(ZoneInfo(zone)).date()


def active_or_named(place: Place, chosen: Filter | None, question: Question) -> bool:
    """Inactive places are in no question, unless a filter or the path names them."""
    named = chosen is not None and not chosen.negated and place.id in chosen.values
    return place.active or named or place.id == question.site


def reached_sites(truth: Truth, question: Question) -> list[Place]:
    """The sites that the question looks at: those of its study when it names some, that path and filters keep."""
    study = study_of(truth, question)
    return [
        site
        for site in truth.sites
        if site.id in places_of_study(truth, study)
        and (question.site is None or site.id == question.site)
        and (question.sites is None or question.sites.keeps(site.id))
        and (question.tags is None or bool(question.tags.values & site.tags) != question.tags.negated)
        and active_or_named(site, question.sites, question)
    ]


def reached_pois(truth: Truth, question: Question) -> list[Place]:
    """The points of interest of the study that the question looks at."""
    study = study_of(truth, question)
    return [
        poi
        for poi in truth.pois
        if poi.id in places_of_study(truth, study)
        and (question.pois is None or question.pois.keeps(poi.id))
        and active_or_named(poi, question.pois, question)
    ]


def places_of_study(truth: Truth, study: Study | None) -> set[str]:
    """The sites and points of interest of a study; one that names no site is global, it has every site."""
    sites, pois = ({site.id for site in truth.sites}, {poi.id for poi in truth.pois})
    return sites | pois if study is None else {*(study.sites or sites), *study.pois}


def study_of(truth: Truth, question: Question) -> Study | None:
    """The study that the question is asked of."""
    return next((study for study in truth.studies if study.id == question.study), None)
