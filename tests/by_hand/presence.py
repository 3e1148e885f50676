"""The 13 KPIs of presence, from a list of detections."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any

from tests.by_hand.geomarketing import new_days
from tests.by_hand.question import Question, local_day, reached_sites
from tests.by_hand.results import Leaf, answer, distribution, ratio
from tests.by_hand.sessions import Session, sessions_of_detections
from tests.by_hand.truth import Truth

ONE = Fraction(1)
MOST_AREAS = 100


@dataclass(frozen=True)
class Kept:
    """A stay at a site, or what it was at one equipment; `day` is the stay's."""

    session: Session
    equipment: str | None
    start_s: float
    end_s: float
    dwell_s: int
    day: date
    end_day: date
    new_here: bool
    new_anywhere: bool

    @property
    def visitor_day(self) -> tuple[str, str, date]:
        return (self.session.device, self.equipment or self.session.site, self.day)


@lru_cache(maxsize=8)
def sessions(truth: Truth) -> tuple[Session, ...]:
    """Every kept stay, in order of time."""
    found = sessions_of_detections(truth.detections, truth.equipments, truth.presence_gap_s, truth.minimum_s)
    return tuple(sorted(found, key=lambda session: (session.start, session.site)))


@lru_cache(maxsize=8)
def kept(truth: Truth) -> tuple[Kept, ...]:
    """Every stay, and again every passage, with its marks."""
    rows = []
    for session in sessions(truth):
        zone = truth.zone_of(session.site)
        day, end_day = local_day(session.start, zone), local_day(session.end, zone)
        spans = [(None, session.start, session.end, session.dwell_s)]
        spans += [(p.equipment, p.start, p.end, p.dwell_s) for p in session.passages().values()]  # type: ignore[misc]
        rows += [(session, equipment, start, end, dwell, day, end_day) for equipment, start, end, dwell in spans]

    here: dict[tuple[str, str], set[date]] = defaultdict(set)
    anywhere: dict[str, set[date]] = defaultdict(set)
    for session, equipment, _, _, _, day, _ in rows:
        here[session.device, equipment or session.site].add(day)
        anywhere[session.device].add(day)
    new_here = {spot: new_days(days) for spot, days in here.items()}
    new_anywhere = {device: new_days(days) for device, days in anywhere.items()}

    told: set[tuple[Any, ...]] = set()
    marked: dict[tuple[str, date], Session] = {}
    found = []
    for session, equipment, start, end, dwell, day, end_day in rows:
        spot = (session.device, equipment or session.site)
        opens_day = (*spot, day) not in told
        told.add((*spot, day))
        opener = marked.setdefault((session.device, day), session)
        found.append(
            Kept(
                session,
                equipment,
                start.timestamp(),
                end.timestamp(),
                dwell,
                day,
                end_day,
                new_here=opens_day and day in new_here[spot],
                new_anywhere=opener is session and day in new_anywhere[session.device],
            )
        )
    return tuple(found)


# -- one cell of an answer ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """Stays (or passages) of one scope value: those that started, and those that ended, over some days."""

    truth: Truth
    question: Question
    rows: list[Kept]
    ended: list[Kept]

    def devices(self) -> set[str]:
        return {one.session.device for one in self.rows}

    def newcomers(self) -> set[str]:
        by_spot = self.question.scope in ("sites", "equipments")
        return {one.session.device for one in self.rows if (one.new_here if by_spot else one.new_anywhere)}


def _key(truth: Truth, equipment: str) -> str:
    return next(one.key for one in truth.equipments if one.id == equipment)


def timespent_per_scope(cell: Cell) -> Leaf:
    amounts = [(one.dwell_s, ONE) for one in cell.rows]
    return distribution("s", "sessions", cell.truth.bands["dwell"], amounts, uplift=False)


def range_amplitude(cell: Cell) -> Leaf:
    days: dict[tuple[str, str, date], list[Kept]] = defaultdict(list)
    for one in cell.rows:
        days[one.visitor_day].append(one)
    amounts = [
        (int(max(one.end_s for one in found) - min(one.start_s for one in found)), ONE) for found in days.values()
    ]
    return distribution("s", "userDays", cell.truth.bands["dwell"], amounts, uplift=False)


def _busiest(cell: Cell, seen_by: Mapping[str, set[str]]) -> list[str]:
    ordered = sorted(seen_by, key=lambda area: (-len(seen_by[area]), _key(cell.truth, area)))
    return ordered[:MOST_AREAS]


def _seen_by(cell: Cell) -> dict[str, set[str]]:
    seen_by: dict[str, set[str]] = defaultdict(set)
    for one in cell.rows:
        for area in one.session.path:
            if cell.question.equipments is None or cell.question.equipments.keeps(area):
                seen_by[area].add(one.session.device)
    return seen_by


def area_matching(cell: Cell) -> Leaf:
    seen_by = _seen_by(cell)
    areas = _busiest(cell, seen_by)
    users = [[len(seen_by[row] & seen_by[column]) for column in areas] for row in areas]
    return {
        "areas": [_key(cell.truth, area) for area in areas],
        "users": users,
        "rate": [[ratio(value, row[i]) for value in row] for i, row in enumerate(users)],
    }


def visit_order(cell: Cell) -> Leaf:
    areas = set(_busiest(cell, _seen_by(cell)))
    ranks: dict[int, Counter[str]] = defaultdict(Counter)
    transitions: Counter[tuple[str, str | None]] = Counter()
    for one in cell.rows:
        for passage in one.session.passages().values():
            if passage.equipment in areas:
                ranks[passage.rank][_key(cell.truth, passage.equipment)] += 1
        for left, right in pairwise((*one.session.path, None)):
            if left in areas and (right is None or right in areas):
                transitions[_key(cell.truth, left), right and _key(cell.truth, right)] += 1
    totals: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for rank, found in ranks.items():
        for key, value in found.items():
            totals[key] = (totals[key][0] + rank * value, totals[key][1] + value)
    return {
        "ranks": [
            {
                "rank": rank,
                "items": [
                    {"key": key, "value": value, "share": ratio(value, found.total())}
                    for key, value in sorted(found.items(), key=lambda item: (-item[1], item[0]))
                ],
            }
            for rank, found in sorted(ranks.items())
        ],
        "transitions": [
            {"from": left, "to": right, "value": value}
            for (left, right), value in sorted(
                transitions.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or "")
            )
        ],
        "meanRank": {key: ratio(above, below) for key, (above, below) in sorted(totals.items())},
    }


KPIS: Mapping[str, Callable[[Cell], Leaf]] = {
    "acquisition": lambda cell: len(cell.newcomers()),
    "areaMatching": area_matching,
    "attendance": lambda cell: len({one.visitor_day for one in cell.rows}),
    "dropouts": lambda cell: sum(one.session.dwell_s < cell.truth.dropout_s for one in cell.rows),
    "entering": lambda cell: len(cell.rows),
    "leaving": lambda cell: len(cell.ended),
    "rangeAmplitude": range_amplitude,
    "returning": lambda cell: len(cell.devices()) - len(cell.newcomers()),
    "sessions": lambda cell: len(cell.rows),
    "timespent": lambda cell: ratio(sum(one.dwell_s for one in cell.rows), len(cell.rows)),
    "timespentPerScope": timespent_per_scope,
    "uniqUsers": lambda cell: len(cell.devices()),
    "visitOrder": visit_order,
}

SITE_ONLY = ("areaMatching", "visitOrder")


def scopes(kpi: str) -> tuple[str, ...]:
    """What a KPI can be asked by."""
    return ("globals", "sites") if kpi in SITE_ONLY else ("globals", "sites", "equipments")


def presence(truth: Truth, kpi: str, question: Question) -> Leaf:
    """The `data` of one element of a presence answer."""
    sites = {site.id for site in reached_sites(truth, question)}
    by_equipment = question.scope == "equipments"
    rows = [one for one in kept(truth) if one.session.site in sites and _looked_at(one, question, by_equipment)]
    started, ended = _by_day(rows, lambda one: one.day), _by_day(rows, lambda one: one.end_day)

    def leaf(value: str | None, days: frozenset[date]) -> Leaf:
        return KPIS[kpi](Cell(truth, question, _cell(started, value, days), _cell(ended, value, days)))

    values = {one.equipment or one.session.site for one in rows}
    filters = {"sites": question.sites, "equipments": question.equipments}
    chosen = filters.get(question.scope)
    named = chosen.values if chosen is not None and not chosen.negated else frozenset()
    return answer(question, values, named, leaf)


def _looked_at(one: Kept, question: Question, by_equipment: bool) -> bool:
    """Stays that passed by an equipment of the filter; by equipments, the passages at those alone."""
    if (one.equipment is not None) != by_equipment:
        return False
    chosen = question.equipments
    if chosen is None:
        return True
    if one.equipment is not None:
        return chosen.keeps(one.equipment)
    return any(chosen.keeps(equipment) for equipment in one.session.path)


def _by_day(rows: Iterable[Kept], day: Callable[[Kept], date]) -> dict[date, list[Kept]]:
    found: dict[date, list[Kept]] = defaultdict(list)
    for one in rows:
        found[day(one)].append(one)
    return found


def _cell(by_day: Mapping[date, list[Kept]], value: str | None, days: frozenset[date]) -> list[Kept]:
    return [
        one
        for day in sorted(days)
        for one in by_day.get(day, ())
        if value is None or value == (one.equipment or one.session.site)
    ]
