"""The 13 KPIs of presence, computed from a list of detections."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise
from typing import Any

from tests.by_hand.geomarketing import new_days
from tests.by_hand.question import Filter, Question, local_day, select_sites
from tests.by_hand.results import Leaf, build_answer, distribution, ratio
from tests.by_hand.sessions import Session, derive_sessions
from tests.by_hand.truth import Truth

UNIT_WEIGHT = Fraction(1)
MOST_AREAS = 100


@dataclass(frozen=True)
class MarkedRow:
    """A stay at a site, or its passage at one equipment; `day` is the stay's."""

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
    """Return every stay, in order of time."""
    stays = derive_sessions(truth.detections, truth.equipments, truth.presence_gap_s, truth.minimum_s)
    return tuple(sorted(stays, key=lambda session: (session.start, session.site)))


@lru_cache(maxsize=8)
def mark_rows(truth: Truth) -> tuple[MarkedRow, ...]:
    """Return every stay and every passage, with the marks of new devices."""
    rows = []
    for session in sessions(truth):
        zone = truth.zone_of(session.site)
        day, end_day = local_day(session.start, zone), local_day(session.end, zone)
        spans = [(None, session.start, session.end, session.dwell_s)]
        spans += [(p.equipment, p.start, p.end, p.dwell_s) for p in session.passages().values()]  # type: ignore[misc]
        rows += [(session, equipment, start, end, dwell, day, end_day) for equipment, start, end, dwell in spans]

    days_at_place: dict[tuple[str, str], set[date]] = defaultdict(set)
    days_anywhere: dict[str, set[date]] = defaultdict(set)
    for session, equipment, _, _, _, day, _ in rows:
        days_at_place[session.device, equipment or session.site].add(day)
        days_anywhere[session.device].add(day)
    new_here = {place_key: new_days(days) for place_key, days in days_at_place.items()}
    new_anywhere = {device: new_days(days) for device, days in days_anywhere.items()}

    marked_days: set[tuple[Any, ...]] = set()
    marked: dict[tuple[str, date], Session] = {}
    marked_rows = []
    for session, equipment, start, end, dwell, day, end_day in rows:
        place_key = (session.device, equipment or session.site)
        is_first = (*place_key, day) not in marked_days
        marked_days.add((*place_key, day))
        first_session = marked.setdefault((session.device, day), session)
        marked_rows.append(
            MarkedRow(
                session,
                equipment,
                start.timestamp(),
                end.timestamp(),
                dwell,
                day,
                end_day,
                new_here=is_first and day in new_here[place_key],
                new_anywhere=first_session is session and day in new_anywhere[session.device],
            )
        )
    return tuple(marked_rows)


# -- one cell of an answer ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Cell:
    """Stays (or passages) of one scope value: `rows` started and `ended` ended on some days."""

    truth: Truth
    question: Question
    rows: list[MarkedRow]
    ended: list[MarkedRow]

    def devices(self) -> set[str]:
        return {row.session.device for row in self.rows}

    def newcomers(self) -> set[str]:
        by_spot = self.question.scope in ("sites", "equipments")
        return {row.session.device for row in self.rows if (row.new_here if by_spot else row.new_anywhere)}


def _key(truth: Truth, equipment: str) -> str:
    return next(candidate.key for candidate in truth.equipments if candidate.id == equipment)


def timespent_per_scope(cell: Cell) -> Leaf:
    amounts = [(row.dwell_s, UNIT_WEIGHT) for row in cell.rows]
    return distribution("s", "sessions", cell.truth.bands["dwell"], amounts, uplift=False)


def range_amplitude(cell: Cell) -> Leaf:
    days: dict[tuple[str, str, date], list[MarkedRow]] = defaultdict(list)
    for row in cell.rows:
        days[row.visitor_day].append(row)
    amounts = [
        (int(max(row.end_s for row in rows) - min(row.start_s for row in rows)), UNIT_WEIGHT) for rows in days.values()
    ]
    return distribution("s", "userDays", cell.truth.bands["dwell"], amounts, uplift=False)


def _busiest(cell: Cell, seen_by: Mapping[str, set[str]]) -> list[str]:
    ordered = sorted(seen_by, key=lambda area: (-len(seen_by[area]), _key(cell.truth, area)))
    return ordered[:MOST_AREAS]


def _seen_by(cell: Cell, filter_: Filter | None = None) -> dict[str, set[str]]:
    seen_by: dict[str, set[str]] = defaultdict(set)
    for row in cell.rows:
        for area in row.session.path:
            if filter_ is None or filter_.accepts(area):
                seen_by[area].add(row.session.device)
    return seen_by


def area_matching(cell: Cell) -> Leaf:
    seen_by = _seen_by(cell, cell.question.equipments)  # the areas that the filter names, if there is one
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
    for row in cell.rows:
        for passage in row.session.passages().values():
            if passage.equipment in areas:
                ranks[passage.rank][_key(cell.truth, passage.equipment)] += 1
        for area, next_area in pairwise((*row.session.path, None)):
            if area in areas and (next_area is None or next_area in areas):
                transitions[_key(cell.truth, area), next_area and _key(cell.truth, next_area)] += 1
    totals: dict[str, tuple[int, int]] = defaultdict(lambda: (0, 0))
    for rank, counts in ranks.items():
        for key, value in counts.items():
            totals[key] = (totals[key][0] + rank * value, totals[key][1] + value)
    return {
        "ranks": [
            {
                "rank": rank,
                "items": [
                    {"key": key, "value": value, "share": ratio(value, counts.total())}
                    for key, value in sorted(counts.items(), key=lambda item: (-item[1], item[0]))
                ],
            }
            for rank, counts in sorted(ranks.items())
        ],
        "transitions": [
            {"from": area, "to": next_area, "value": value}
            for (area, next_area), value in sorted(
                transitions.items(), key=lambda item: (-item[1], item[0][0], item[0][1] or "")
            )
        ],
        "meanRank": {key: ratio(numerator, denominator) for key, (numerator, denominator) in sorted(totals.items())},
    }


KPIS: Mapping[str, Callable[[Cell], Leaf]] = {
    "acquisition": lambda cell: len(cell.newcomers()),
    "areaMatching": area_matching,
    "attendance": lambda cell: len({row.visitor_day for row in cell.rows}),
    "dropouts": lambda cell: sum(row.session.dwell_s < cell.truth.dropout_s for row in cell.rows),
    "entering": lambda cell: len(cell.rows),
    "leaving": lambda cell: len(cell.ended),
    "rangeAmplitude": range_amplitude,
    "returning": lambda cell: len(cell.devices()) - len(cell.newcomers()),
    "sessions": lambda cell: len(cell.rows),
    "timespent": lambda cell: ratio(sum(row.dwell_s for row in cell.rows), len(cell.rows)),
    "timespentPerScope": timespent_per_scope,
    "uniqUsers": lambda cell: len(cell.devices()),
    "visitOrder": visit_order,
}


def matching_of_area(leaf: Leaf, area: str) -> Leaf:
    """Return the row of one area in a leaf of areaMatching, with all areas as columns."""
    if area not in leaf["areas"]:
        return {"areas": [], "users": [], "rate": []}
    row = leaf["areas"].index(area)
    return {"areas": leaf["areas"], "users": [leaf["users"][row]], "rate": [leaf["rate"][row]]}


def order_of_area(leaf: Leaf, area: str) -> Leaf:
    """Return what a leaf of visitOrder says of one area: its items, the steps that leave it, its mean rank."""
    items = {rank["rank"]: [item for item in rank["items"] if item["key"] == area] for rank in leaf["ranks"]}
    return {
        "ranks": [{"rank": rank, "items": of_area} for rank, of_area in items.items() if of_area],
        "transitions": [step for step in leaf["transitions"] if step["from"] == area],
        "meanRank": {key: mean for key, mean in leaf["meanRank"].items() if key == area},
    }


PARTS: Mapping[str, Callable[[Leaf, str], Leaf]] = {"areaMatching": matching_of_area, "visitOrder": order_of_area}
"""The KPIs whose leaf by equipment is a part of the leaf of all stays."""


def scopes(kpi: str) -> tuple[str, ...]:
    """Return the scopes of a KPI: all of them."""
    assert kpi in KPIS
    return ("globals", "sites", "equipments")


def presence(truth: Truth, kpi: str, question: Question) -> Leaf:
    """Return the `data` of one element of a presence answer."""
    sites = {site.id for site in select_sites(truth, question)}
    of_area = PARTS.get(kpi) if question.scope == "equipments" else None
    by_equipment = question.scope == "equipments" and of_area is None
    rows = [row for row in mark_rows(truth) if row.session.site in sites and _is_selected(row, question, by_equipment)]
    started, ended = _by_day(rows, lambda row: row.day), _by_day(rows, lambda row: row.end_day)

    def leaf(value: str | None, days: frozenset[date]) -> Leaf:
        place = None if of_area else value
        cell = Cell(truth, question, _select_cell(started, place, days), _select_cell(ended, place, days))
        return KPIS[kpi](cell) if of_area is None or value is None else of_area(KPIS[kpi](cell), _key(truth, value))

    if of_area:
        values = {area for row in rows for area in row.session.path}
    else:
        values = {row.equipment or row.session.site for row in rows}
    filters = {"sites": question.sites, "equipments": question.equipments}
    filter_ = filters.get(question.scope)
    named = filter_.values if filter_ is not None and not filter_.negated else frozenset()
    return build_answer(question, values, named, leaf)


def _is_selected(row: MarkedRow, question: Question, by_equipment: bool) -> bool:
    """Return whether a question looks at a row.

    These are stays with a passage at an equipment of the filter; by equipments, the passages at those only.
    """
    if (row.equipment is not None) != by_equipment:
        return False
    if question.row_test is not None and not question.row_test(row):
        return False
    filter_ = question.equipments
    if filter_ is None:
        return True
    if row.equipment is not None:
        return filter_.accepts(row.equipment)
    return any(filter_.accepts(equipment) for equipment in row.session.path)


def _by_day(rows: Iterable[MarkedRow], day: Callable[[MarkedRow], date]) -> dict[date, list[MarkedRow]]:
    rows_by_day: dict[date, list[MarkedRow]] = defaultdict(list)
    for row in rows:
        rows_by_day[day(row)].append(row)
    return rows_by_day


def _select_cell(by_day: Mapping[date, list[MarkedRow]], value: str | None, days: frozenset[date]) -> list[MarkedRow]:
    return [
        row
        for day in sorted(days)
        for row in by_day.get(day, ())
        if value is None or value == (row.equipment or row.session.site)
    ]
