"""The 18 KPIs of geo-marketing, computed from a list of stays."""

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from typing import Any

from tests.by_hand.question import (
    Filter,
    Question,
    find_study,
    local_day,
    places_of_study,
    select_pois,
    select_sites,
)
from tests.by_hand.results import Leaf, breakdown, build_answer, count, distribution, ratio
from tests.by_hand.truth import Area, Panelist, Place, Stay, Truth

EARTH_RADIUS_M = 6_371_007.180918475
AREA_SCOPES = ("homes", "works", "zones")
LABELS = {"android": "Android", "ios": "iOS"}


@dataclass(frozen=True)
class MarkedStay:
    """A stay with its marks and distances, by the definitions."""

    stay: Stay
    day: date
    panelist: Panelist
    new_here: bool
    new_anywhere: bool
    gap_d: int | None  # on the first stay of a visitor-day: days since the visitor-day before, at this place
    home_m: int | None
    work_m: int | None

    @property
    def visitor_day(self) -> tuple[str, str, date]:
        """The visitor-day of the stay: user, place and local day."""
        return (self.stay.user, self.stay.place, self.day)


def measure_distance_m(place: Place, area: Area | None) -> int | None:
    """Return the great-circle distance on a sphere, rounded to metres."""
    if area is None or place.coordinates is None:
        return None
    lng, lat, there_lng, there_lat = map(math.radians, (*place.coordinates, area.lng, area.lat))
    half = (
        math.sin((there_lat - lat) / 2) ** 2
        + math.cos(lat) * math.cos(there_lat) * math.sin((there_lng - lng) / 2) ** 2
    )
    return round(2 * EARTH_RADIUS_M * math.asin(math.sqrt(half)))


def year_before(day: date) -> date:
    """Return the same day twelve months earlier; 29 February becomes the 28th."""
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


def new_days(days: Iterable[date]) -> set[date]:
    """Return the days of a user without another day in the twelve months before."""
    ordered = sorted(set(days))
    return {
        day
        for before, day in zip([None, *ordered], ordered, strict=False)
        if before is None or before < year_before(day)
    }


@lru_cache(maxsize=8)
def mark_stays(truth: Truth) -> tuple[MarkedStay, ...]:
    """Return every stay of the truth with its marks, in order of time."""
    areas = {area.code: area for area in truth.areas}
    places = {place.id: place for place in (*truth.sites, *truth.pois)}
    sites = {site.id for site in truth.sites}
    people = {panelist.user: panelist for panelist in truth.panelists}
    stays = sorted(truth.stays, key=lambda stay: (stay.start, stay.place, stay.zone))
    days = [local_day(stay.start, truth.zone_of(stay.place)) for stay in stays]

    days_at_place: dict[tuple[str, str, str], set[date]] = defaultdict(set)  # by user, place, zone
    days_anywhere: dict[str, set[date]] = defaultdict(set)  # indoor days by user, at sites
    for stay, day in zip(stays, days, strict=True):
        days_at_place[stay.user, stay.place, stay.zone].add(day)
        if stay.zone == "indoor" and stay.place in sites:
            days_anywhere[stay.user].add(day)
    new_here = {key: new_days(place_days) for key, place_days in days_at_place.items()}
    new_anywhere = {user: new_days(user_days) for user, user_days in days_anywhere.items()}

    marked_days: set[tuple[Any, ...]] = set()  # the first stay of a day has the marks

    def is_first_of_day(*key: Any) -> bool:
        is_new = key not in marked_days
        marked_days.add(key)
        return is_new

    marked_stays = []
    for stay, day in zip(stays, days, strict=True):
        who = people.get(stay.user, Panelist(stay.user))
        place, place_key = places[stay.place], (stay.user, stay.place, stay.zone)
        is_first = is_first_of_day(*place_key, day)
        earlier = [other for other in days_at_place[place_key] if other < day]
        marked_stays.append(
            MarkedStay(
                stay,
                day,
                who,
                new_here=is_first and day in new_here[place_key],
                new_anywhere=stay.zone == "indoor"
                and stay.place in sites
                and is_first_of_day(stay.user, day)
                and day in new_anywhere[stay.user],
                gap_d=(day - max(earlier)).days if is_first and earlier else None,
                home_m=measure_distance_m(place, areas.get(who.home or "")),
                work_m=measure_distance_m(place, areas.get(who.work or "")),
            )
        )
    return tuple(marked_stays)


# -- one cell of an answer ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """The stays of one scope value over some days.

    inside: the indoor stays at the places that the KPI looks at; around: indoor and outdoor;
    study: every indoor stay at a site or POI of the study on these days; by area, of that area's users.
    """

    truth: Truth
    question: Question
    inside: list[MarkedStay]
    around: list[MarkedStay]
    study: list[MarkedStay]
    pois: list[Place]

    @property
    def uplift(self) -> bool:
        return self.question.uplift

    def weight(self, marked: MarkedStay) -> Fraction:
        """Return the weight of a stay and of its user."""
        return marked.panelist.weight if self.uplift else Fraction(1)

    def users(self, rows: Iterable[MarkedStay]) -> Fraction:
        """Return the number of distinct users, or the sum of their weights."""
        return sum({marked.stay.user: self.weight(marked) for marked in rows}.values(), Fraction(0))

    def stays(self) -> Fraction:
        """Return the number of indoor stays, or the sum of their weights."""
        return sum(map(self.weight, self.inside), Fraction(0))

    def newcomers(self) -> Fraction:
        """Return the distinct users with the mark of new users."""
        by_site = self.question.scope == "sites"
        return self.users(marked for marked in self.inside if (marked.new_here if by_site else marked.new_anywhere))


def attendance(cell: Cell) -> Leaf:
    days = {marked.visitor_day: cell.weight(marked) for marked in cell.inside}
    return count(sum(days.values(), Fraction(0)), cell.uplift)


def sessions(cell: Cell) -> Leaf:
    return count(cell.stays(), cell.uplift)


def timespent(cell: Cell) -> Leaf:
    return ratio(sum((marked.stay.dwell_s * cell.weight(marked) for marked in cell.inside), Fraction(0)), cell.stays())


def uniq_users(cell: Cell) -> Leaf:
    return count(cell.users(cell.inside), cell.uplift)


def acquisition(cell: Cell) -> Leaf:
    return count(cell.newcomers(), cell.uplift)


def returning(cell: Cell) -> Leaf:
    return count(cell.users(cell.inside) - cell.newcomers(), cell.uplift)


def _binned(cell: Cell, unit: str, measure: str, bands: str, amount: Callable[[MarkedStay], int | None]) -> Leaf:
    amounts = [(amount(marked), cell.weight(marked)) for marked in cell.inside]
    return distribution(unit, measure, cell.truth.bands[bands], amounts, cell.uplift)


def timespent_per_scope(cell: Cell) -> Leaf:
    return _binned(cell, "s", "sessions", "dwell", lambda marked: marked.stay.dwell_s)


def home_distance(cell: Cell) -> Leaf:
    return _binned(cell, "m", "sessions", "distance", lambda marked: marked.home_m)


def work_distance(cell: Cell) -> Leaf:
    return _binned(cell, "m", "sessions", "distance", lambda marked: marked.work_m)


def returning_frequency(cell: Cell) -> Leaf:
    amounts = [(marked.gap_d, cell.weight(marked)) for marked in cell.inside if marked.gap_d is not None]
    return distribution("d", "intervals", cell.truth.bands["gap"], amounts, cell.uplift)


def returning_per_scope(cell: Cell) -> Leaf:
    days = Counter(user for user, _, _ in {marked.visitor_day for marked in cell.inside})
    weights = {marked.stay.user: cell.weight(marked) for marked in cell.inside}
    amounts = [(days[user], weight) for user, weight in weights.items()]
    return distribution("n", "users", cell.truth.bands["visits"], amounts, cell.uplift)


def _device(attribute: str) -> Callable[[Cell], Leaf]:
    def leaf(cell: Cell) -> Leaf:
        values: dict[str | None, Fraction] = defaultdict(Fraction)
        for who in {marked.stay.user: marked for marked in cell.inside}.values():
            values[getattr(who.panelist, attribute)] += cell.weight(who)
        return breakdown(values, LABELS, cell.uplift)

    return leaf


def visitor_vs_pedestrian(cell: Cell) -> Leaf:
    visitors = {marked.stay.user for marked in cell.inside}
    visitor = cell.users(cell.inside)
    pedestrian = cell.users(marked for marked in cell.around if marked.stay.user not in visitors)
    return {
        "visitor": count(visitor, cell.uplift),
        "pedestrian": count(pedestrian, cell.uplift),
        "captureRate": ratio(visitor, visitor + pedestrian),
    }


def per_poi_sessions(cell: Cell) -> Leaf:
    values: dict[str | None, Fraction] = defaultdict(Fraction)
    labels = {}
    for marked in cell.inside:
        poi = cell.truth.place(marked.stay.place)
        values[poi.key] += cell.weight(marked)
        labels[poi.key] = poi.name
    return breakdown(values, labels, cell.uplift)


def pos_affinity(cell: Cell) -> Leaf:
    visitors = {marked.stay.user for marked in cell.inside}
    reference_users, visitor_count = cell.users(cell.study), cell.users(cell.inside)
    items = []
    order = {}
    for poi in cell.pois:
        there = [marked for marked in cell.study if marked.stay.place == poi.id]
        seen_at_poi = cell.users(marked for marked in there if marked.stay.user in visitors)
        if not there:
            continue
        order[poi.id] = (-seen_at_poi, poi.id)
        items.append(
            {
                "poi": poi.id,
                "key": poi.key,
                "visitors": count(seen_at_poi, cell.uplift),
                "share": ratio(seen_at_poi, visitor_count),
                "referenceShare": ratio(cell.users(there), reference_users),
                "index": ratio(100 * seen_at_poi * reference_users, visitor_count * cell.users(there)),
            }
        )
    items.sort(key=lambda item: order[str(item["poi"])])
    return {"items": items, "visitors": count(visitor_count, cell.uplift)}


@dataclass(frozen=True)
class Definition:
    """A KPI: its leaf, the places that it looks at, and its scopes."""

    leaf: Callable[[Cell], Leaf]
    at: str = "sites"
    scopes: tuple[str, ...] = ("globals", "sites", "homes", "works", "zones")


_SITE_SCOPES = ("globals", "sites", "homes", "works", "zones")

KPIS: Mapping[str, Definition] = {
    "acquisition": Definition(acquisition),
    "attendance": Definition(attendance),
    "returning": Definition(returning),
    "posSessions": Definition(sessions),
    "poiSessions": Definition(sessions, "pois", (*_SITE_SCOPES, "pois")),
    "timespent": Definition(timespent),
    "timespentPerScope": Definition(timespent_per_scope),
    "uniqUsers": Definition(uniq_users),
    "returningPerScope": Definition(returning_per_scope),
    "returningFrequencyPerScope": Definition(returning_frequency),
    "os": Definition(_device("os")),
    "model": Definition(_device("model")),
    "manufacturer": Definition(_device("manufacturer")),
    "visitorVsPedestrian": Definition(visitor_vs_pedestrian),
    "perPoiSessions": Definition(per_poi_sessions, "pois"),
    "posAffinity": Definition(pos_affinity),
    "homeDistanceVisitsPerScope": Definition(home_distance),
    "workDistanceVisitsPerScope": Definition(work_distance),
}


def scope_value_of(marked: MarkedStay, scope: str) -> str:
    """Return the scope value of a stay."""
    if scope in ("sites", "pois"):
        return marked.stay.place
    return (marked.panelist.work if scope == "works" else marked.panelist.home) or "unknown"


def passes_filters(marked: MarkedStay, question: Question) -> bool:
    """Return whether a stay passes the filters on the user and the test of rows."""
    if question.row_test is not None and not question.row_test(marked):
        return False
    tests = (
        (question.homes, marked.panelist.home),
        (question.zones, marked.panelist.home),
        (question.works, marked.panelist.work),
    )
    return all(filter_ is None or filter_.accepts(value) for filter_, value in tests)


def geomarketing(truth: Truth, kpi: str, question: Question) -> Leaf:
    """Return the `data` of one element of a geo-marketing answer."""
    definition = KPIS[kpi]
    study_places = places_of_study(truth, find_study(truth, question))
    pois = select_pois(truth, question)
    sites = {site.id for site in select_sites(truth, question)}
    looked_at_ids = {poi.id for poi in pois} if definition.at == "pois" else sites
    all_places = (
        {place.id for place in (*truth.sites, *truth.pois) if place.active and place.id in study_places}
        | sites
        | {poi.id for poi in pois}
    )
    by_day: dict[date, list[MarkedStay]] = defaultdict(list)
    for marked in mark_stays(truth):
        if question.contains(marked.day) and marked.stay.place in all_places and passes_filters(marked, question):
            by_day[marked.day].append(marked)
    visitors_of_site: dict[str, set[str]] = defaultdict(set)
    for marked in (marked for rows in by_day.values() for marked in rows):
        if marked.stay.zone == "indoor" and marked.stay.place in sites:
            visitors_of_site[marked.stay.place].add(marked.stay.user)
    of_visitors = definition.at == "pois" and question.scope == "sites"
    by_area = question.scope in AREA_SCOPES

    def belongs(marked: MarkedStay, value: str | None) -> bool:
        if value is None:
            return True
        if of_visitors:  # the stays at POIs of users who were at the site at any time of the question
            return marked.stay.user in visitors_of_site[value]
        return scope_value_of(marked, question.scope) == value

    def make_cell(value: str | None, days: frozenset[date]) -> Cell:
        rows = [marked for day in days for marked in by_day.get(day, ())]
        around = [marked for marked in rows if marked.stay.place in looked_at_ids and belongs(marked, value)]
        inside = [marked for marked in around if marked.stay.zone == "indoor"]
        study = [marked for marked in rows if marked.stay.zone == "indoor" and (not by_area or belongs(marked, value))]
        return Cell(truth, question, inside, around, study, pois)

    values = (
        set(visitors_of_site)
        if of_visitors
        else {
            scope_value_of(marked, question.scope)
            for rows in by_day.values()
            for marked in rows
            if marked.stay.place in looked_at_ids
        }
    )
    return build_answer(
        question,
        values,
        _named(question),
        lambda value, days: definition.leaf(make_cell(value, days)),
        (lambda value, days: bool(make_cell(value, days).inside)) if kpi == "posAffinity" else None,
    )


def _named(question: Question) -> set[str]:
    """Return the scope values that a filter names."""
    filters: dict[str, tuple[Filter | None, ...]] = {
        "sites": (question.sites,),
        "pois": (question.pois,),
        "homes": (question.homes, question.zones),
        "zones": (question.homes, question.zones),
        "works": (question.works,),
    }
    return {
        value
        for filter_ in filters.get(question.scope, ())
        if filter_ is not None and not filter_.negated
        for value in filter_.values
    }
