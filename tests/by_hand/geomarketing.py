"""The 18 KPIs of geo-marketing, from a list of stays."""

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
    local_day,
    places_of_study,
    reached_pois,
    reached_sites,
    study_of,
)
from tests.by_hand.results import Leaf, answer, breakdown, count, distribution, ratio
from tests.by_hand.truth import Area, Panelist, Place, Stay, Truth

EARTH_RADIUS_M = 6_371_007.180918475
LABELS = {"android": "Android", "ios": "iOS"}


@dataclass(frozen=True)
class Seen:
    """A stay, with what the definitions say of it."""

    stay: Stay
    day: date
    who: Panelist
    new_here: bool
    new_anywhere: bool
    gap_d: int | None  # on the first stay of a visitor-day: days since the visitor-day before, at this place
    home_m: int | None
    work_m: int | None

    @property
    def visitor_day(self) -> tuple[str, str, date]:
        """What attendance counts."""
        return (self.stay.user, self.stay.place, self.day)


def metres(place: Place, area: Area | None) -> int | None:
    """Great-circle distance on a sphere, to the nearest metre."""
    if area is None or place.coordinates is None:
        return None
    lng, lat, there_lng, there_lat = map(math.radians, (*place.coordinates, area.lng, area.lat))
    half = (
        math.sin((there_lat - lat) / 2) ** 2
        + math.cos(lat) * math.cos(there_lat) * math.sin((there_lng - lng) / 2) ** 2
    )
    return round(2 * EARTH_RADIUS_M * math.asin(math.sqrt(half)))


def year_before(day: date) -> date:
    """The same day twelve months earlier; 29 February becomes the 28th."""
    return day.replace(year=day.year - 1, day=28) if (day.month, day.day) == (2, 29) else day.replace(year=day.year - 1)


def new_days(days: Iterable[date]) -> set[date]:
    """Of someone's days, those before which twelve months hold none."""
    ordered = sorted(set(days))
    return {
        day
        for before, day in zip([None, *ordered], ordered, strict=False)
        if before is None or before < year_before(day)
    }


@lru_cache(maxsize=8)
def seen(truth: Truth) -> tuple[Seen, ...]:
    """Every stay of the truth, in order of time."""
    areas = {area.code: area for area in truth.areas}
    places = {place.id: place for place in (*truth.sites, *truth.pois)}
    sites = {site.id for site in truth.sites}
    people = {panelist.user: panelist for panelist in truth.panelists}
    stays = sorted(truth.stays, key=lambda stay: (stay.start, stay.place, stay.zone))
    days = [local_day(stay.start, truth.zone_of(stay.place)) for stay in stays]

    here: dict[tuple[str, str, str], set[date]] = defaultdict(set)  # by user, place, zone
    anywhere: dict[str, set[date]] = defaultdict(set)  # indoor days by user, at sites
    for stay, day in zip(stays, days, strict=True):
        here[stay.user, stay.place, stay.zone].add(day)
        if stay.zone == "indoor" and stay.place in sites:
            anywhere[stay.user].add(day)
    new_here = {key: new_days(found) for key, found in here.items()}
    new_anywhere = {user: new_days(found) for user, found in anywhere.items()}

    told: set[tuple[Any, ...]] = set()  # the first stay of a day carries the marks

    def first(*key: Any) -> bool:
        fresh = key not in told
        told.add(key)
        return fresh

    found = []
    for stay, day in zip(stays, days, strict=True):
        who = people.get(stay.user, Panelist(stay.user))
        place, spot = places[stay.place], (stay.user, stay.place, stay.zone)
        opens_day = first(*spot, day)
        earlier = [other for other in here[spot] if other < day]
        found.append(
            Seen(
                stay,
                day,
                who,
                new_here=opens_day and day in new_here[spot],
                new_anywhere=stay.zone == "indoor"
                and stay.place in sites
                and first(stay.user, day)
                and day in new_anywhere[stay.user],
                gap_d=(day - max(earlier)).days if opens_day and earlier else None,
                home_m=metres(place, areas.get(who.home or "")),
                work_m=metres(place, areas.get(who.work or "")),
            )
        )
    return tuple(found)


# -- one cell of an answer ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """The stays of one scope value over some days.

    inside: the indoor stays at the places that the KPI looks at; around: indoor and outdoor;
    study: every indoor stay at a site or point of interest of the study over these days.
    """

    truth: Truth
    question: Question
    inside: list[Seen]
    around: list[Seen]
    study: list[Seen]
    pois: list[Place]

    @property
    def uplift(self) -> bool:
        return self.question.uplift

    def weight(self, one: Seen) -> Fraction:
        """What a stay, and its user, count for."""
        return one.who.weight if self.uplift else Fraction(1)

    def users(self, rows: Iterable[Seen]) -> Fraction:
        """Distinct users."""
        return sum({one.stay.user: self.weight(one) for one in rows}.values(), Fraction(0))

    def stays(self) -> Fraction:
        """Stays inside."""
        return sum(map(self.weight, self.inside), Fraction(0))

    def newcomers(self) -> Fraction:
        """Distinct users carrying the new mark."""
        by_site = self.question.scope == "sites"
        return self.users(one for one in self.inside if (one.new_here if by_site else one.new_anywhere))


def attendance(cell: Cell) -> Leaf:
    days = {one.visitor_day: cell.weight(one) for one in cell.inside}
    return count(sum(days.values(), Fraction(0)), cell.uplift)


def sessions(cell: Cell) -> Leaf:
    return count(cell.stays(), cell.uplift)


def timespent(cell: Cell) -> Leaf:
    return ratio(sum((one.stay.dwell_s * cell.weight(one) for one in cell.inside), Fraction(0)), cell.stays())


def uniq_users(cell: Cell) -> Leaf:
    return count(cell.users(cell.inside), cell.uplift)


def acquisition(cell: Cell) -> Leaf:
    return count(cell.newcomers(), cell.uplift)


def returning(cell: Cell) -> Leaf:
    return count(cell.users(cell.inside) - cell.newcomers(), cell.uplift)


def _binned(cell: Cell, unit: str, measure: str, bands: str, amount: Callable[[Seen], int | None]) -> Leaf:
    amounts = [(amount(one), cell.weight(one)) for one in cell.inside]
    return distribution(unit, measure, cell.truth.bands[bands], amounts, cell.uplift)


def timespent_per_scope(cell: Cell) -> Leaf:
    return _binned(cell, "s", "sessions", "dwell", lambda one: one.stay.dwell_s)


def home_distance(cell: Cell) -> Leaf:
    return _binned(cell, "m", "sessions", "distance", lambda one: one.home_m)


def work_distance(cell: Cell) -> Leaf:
    return _binned(cell, "m", "sessions", "distance", lambda one: one.work_m)


def returning_frequency(cell: Cell) -> Leaf:
    amounts = [(one.gap_d, cell.weight(one)) for one in cell.inside if one.gap_d is not None]
    return distribution("d", "intervals", cell.truth.bands["gap"], amounts, cell.uplift)


def returning_per_scope(cell: Cell) -> Leaf:
    days = Counter(user for user, _, _ in {one.visitor_day for one in cell.inside})
    weights = {one.stay.user: cell.weight(one) for one in cell.inside}
    amounts = [(days[user], weight) for user, weight in weights.items()]
    return distribution("n", "users", cell.truth.bands["visits"], amounts, cell.uplift)


def _device(attribute: str) -> Callable[[Cell], Leaf]:
    def leaf(cell: Cell) -> Leaf:
        values: dict[str | None, Fraction] = defaultdict(Fraction)
        for who in {one.stay.user: one for one in cell.inside}.values():
            values[getattr(who.who, attribute)] += cell.weight(who)
        return breakdown(values, LABELS, cell.uplift)

    return leaf


def visitor_vs_pedestrian(cell: Cell) -> Leaf:
    visitors = {one.stay.user for one in cell.inside}
    visitor = cell.users(cell.inside)
    pedestrian = cell.users(one for one in cell.around if one.stay.user not in visitors)
    return {
        "visitor": count(visitor, cell.uplift),
        "pedestrian": count(pedestrian, cell.uplift),
        "captureRate": ratio(visitor, visitor + pedestrian),
    }


def per_poi_sessions(cell: Cell) -> Leaf:
    values: dict[str | None, Fraction] = defaultdict(Fraction)
    labels = {}
    for one in cell.inside:
        poi = cell.truth.place(one.stay.place)
        values[poi.key] += cell.weight(one)
        labels[poi.key] = poi.name
    return breakdown(values, labels, cell.uplift)


def pos_affinity(cell: Cell) -> Leaf:
    visitors = {one.stay.user for one in cell.inside}
    everyone, those = cell.users(cell.study), cell.users(cell.inside)
    if not visitors and cell.question.scope == "sites":
        return {"items": [], "visitors": count(0, cell.uplift)}  # a site that nobody visited has no data
    items = []
    order = {}
    for poi in cell.pois:
        there = [one for one in cell.study if one.stay.place == poi.id]
        both = cell.users(one for one in there if one.stay.user in visitors)
        if not there:
            continue
        order[poi.id] = (-both, poi.id)
        items.append(
            {
                "poi": poi.id,
                "key": poi.key,
                "visitors": count(both, cell.uplift),
                "share": ratio(both, those),
                "referenceShare": ratio(cell.users(there), everyone),
                "index": ratio(100 * both * everyone, those * cell.users(there)),
            }
        )
    items.sort(key=lambda item: order[str(item["poi"])])
    return {"items": items, "visitors": count(those, cell.uplift)}


@dataclass(frozen=True)
class Definition:
    """A KPI: its leaf, the places it looks at and the scopes it has."""

    leaf: Callable[[Cell], Leaf]
    at: str = "sites"
    scopes: tuple[str, ...] = ("globals", "sites", "homes", "works", "zones")


_POI_SCOPES = ("globals", "homes", "works", "zones")

KPIS: Mapping[str, Definition] = {
    "acquisition": Definition(acquisition),
    "attendance": Definition(attendance),
    "returning": Definition(returning),
    "posSessions": Definition(sessions),
    "poiSessions": Definition(sessions, "pois", (*_POI_SCOPES, "pois")),
    "timespent": Definition(timespent),
    "timespentPerScope": Definition(timespent_per_scope),
    "uniqUsers": Definition(uniq_users),
    "returningPerScope": Definition(returning_per_scope),
    "returningFrequencyPerScope": Definition(returning_frequency),
    "os": Definition(_device("os")),
    "model": Definition(_device("model")),
    "manufacturer": Definition(_device("manufacturer")),
    "visitorVsPedestrian": Definition(visitor_vs_pedestrian),
    "perPoiSessions": Definition(per_poi_sessions, "pois", _POI_SCOPES),
    "posAffinity": Definition(pos_affinity, "sites", ("globals", "sites")),
    "homeDistanceVisitsPerScope": Definition(home_distance),
    "workDistanceVisitsPerScope": Definition(work_distance),
}


def value_of(one: Seen, scope: str) -> str:
    """The scope value that a stay belongs to."""
    if scope in ("sites", "pois"):
        return one.stay.place
    return (one.who.work if scope == "works" else one.who.home) or "unknown"


def kept_by(one: Seen, question: Question) -> bool:
    """Whether the filters on the user keep a stay."""
    tests = ((question.homes, one.who.home), (question.zones, one.who.home), (question.works, one.who.work))
    return all(chosen is None or chosen.keeps(value) for chosen, value in tests)


def indoor(rows: Iterable[Seen]) -> list[Seen]:
    """The stays within the walls."""
    return [one for one in rows if one.stay.zone == "indoor"]


def geomarketing(truth: Truth, kpi: str, question: Question) -> Leaf:
    """The `data` of one element of a geo-marketing answer."""
    definition = KPIS[kpi]
    of_study = places_of_study(truth, study_of(truth, question))
    pois = reached_pois(truth, question)
    looked_at = {place.id for place in (pois if definition.at == "pois" else reached_sites(truth, question))}
    whole = (
        {place.id for place in (*truth.sites, *truth.pois) if place.active and place.id in of_study}
        | looked_at
        | {poi.id for poi in pois}
    )
    by_day: dict[date, list[Seen]] = defaultdict(list)
    for one in seen(truth):
        if question.holds(one.day) and one.stay.place in whole and kept_by(one, question):
            by_day[one.day].append(one)

    def leaf(value: str | None, days: frozenset[date]) -> Leaf:
        rows = [one for day in days for one in by_day.get(day, ())]
        around = [
            one
            for one in rows
            if one.stay.place in looked_at and (value is None or value_of(one, question.scope) == value)
        ]
        inside = [one for one in around if one.stay.zone == "indoor"]
        return definition.leaf(
            Cell(truth, question, inside, around, [one for one in rows if one.stay.zone == "indoor"], pois)
        )

    values = {value_of(one, question.scope) for rows in by_day.values() for one in rows if one.stay.place in looked_at}
    return answer(question, values, _named(question), leaf)


def _named(question: Question) -> set[str]:
    """The scope values that a filter names."""
    filters: dict[str, tuple[Filter | None, ...]] = {
        "sites": (question.sites,),
        "pois": (question.pois,),
        "homes": (question.homes, question.zones),
        "zones": (question.homes, question.zones),
        "works": (question.works,),
    }
    return {
        value
        for chosen in filters.get(question.scope, ())
        if chosen is not None and not chosen.negated
        for value in chosen.values
    }
