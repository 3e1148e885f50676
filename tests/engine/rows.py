"""Builds facts and rollups from a truth in plain Python, to fill a store without the ingest."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
from okube_api.catalogue.buckets import to_ordinal
from okube_api.catalogue.fact import Fact, Grain, Span
from okube_api.catalogue.facts import FACTS, GEO_STAYS, PANELISTS, ROLLUP_VERSION, ROLLUP_VERSIONS

from tests.by_hand.geomarketing import mark_stays
from tests.by_hand.truth import Truth
from tests.engine.memory import Row, find_band, freeze, unfreeze
from tests.engine.numbering import bucket_numbers, hour_columns, user_numbers
from tests.engine.rows_conversion import build_conversion_facts
from tests.engine.rows_presence import build_presence_facts


def build_geo_stays(truth: Truth) -> list[Row]:
    """Build the rows of `geo_stays`."""
    numbers = user_numbers(truth)
    days: set[tuple[Any, ...]] = set()
    rows = []
    for marked in mark_stays(truth):
        visit_day = (marked.stay.user, marked.stay.place, marked.stay.zone, marked.day)
        rows.append(
            bucket_numbers(to_ordinal(marked.day))
            | {
                "place": marked.stay.place,
                "zone": marked.stay.zone,
                "user": numbers[marked.stay.user],
                "start": round(marked.stay.start.timestamp() * 1000),
                **hour_columns(marked.stay.start, marked.day, truth.zone_of(marked.stay.place)),
                "dwell_s": marked.stay.dwell_s,
                "weight": int(marked.panelist.weight * 1000),
                "home": marked.panelist.home,
                "work": marked.panelist.work,
                "home_m": marked.home_m,
                "work_m": marked.work_m,
                "os": marked.panelist.os,
                "manufacturer": marked.panelist.manufacturer,
                "model": marked.panelist.model,
                "visitor_day": int(visit_day not in days),
                "gap_d": marked.gap_d,
                "new_place": int(marked.new_here),
                "new_application": int(marked.new_anywhere),
                "dwell_band": find_band(marked.stay.dwell_s, truth.bands["dwell"]),
                "gap_band": find_band(marked.gap_d, truth.bands["gap"]),
                "home_band": find_band(marked.home_m, truth.bands["distance"]),
                "work_band": find_band(marked.work_m, truth.bands["distance"]),
            }
        )
        days.add(visit_day)
    return rows


def build_panelists(truth: Truth) -> list[Row]:
    """Build the rows of `panelists`."""
    numbers = user_numbers(truth)
    return [
        {
            "part": 0,
            "user": numbers[panelist.user],
            "weight": int(panelist.weight * 1000),
            "home": panelist.home,
            "work": panelist.work,
            "os": panelist.os,
            "manufacturer": panelist.manufacturer,
            "model": panelist.model,
        }
        for panelist in truth.panelists
    ]


def build_rollup(fact: Fact, grain: Grain, span: Span, rows: list[Row]) -> list[Row]:
    """Build the rows of a grain of one span."""
    keys = grain.bucket_columns(span)
    groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        if grain.only is not None and row[grain.only[0]] != grain.only[1]:
            continue
        groups[tuple(freeze(row[name]) for name in (*keys, *grain.dimensions))].append(row)
    rollup_rows: list[Row] = []
    for key, members in groups.items():
        row_of_group = dict(zip((*keys, *grain.dimensions), map(unfreeze, key), strict=True))
        row_of_group["part"] = row_of_group[span]
        for measure in grain.measures:
            amounts = [1 if measure.field is None else row[measure.field] or 0 for row in members]
            row_of_group[measure.name] = sum(amounts)
            if measure.weighted:
                weights = [row[fact.weight] if fact.weight else 0 for row in members]
                row_of_group[f"{measure.name}_w"] = sum(a * w for a, w in zip(amounts, weights, strict=True))
        for member_set in grain.sets(span):
            users = {row["user"] for row in members if member_set.flag is None or row[member_set.flag] == 1}
            row_of_group[member_set.name] = np.array(sorted(users), dtype="<u4").tobytes()
            row_of_group[f"{member_set.name}_n"] = len(users)
        has_sum = any(row_of_group[measure.name] for measure in grain.measures)
        if has_sum or any(row_of_group[members.name] for members in grain.sets(span)) or not fact.has_users:
            rollup_rows.append(row_of_group)
    return rollup_rows


class TruthTables(Mapping[str, list[Row]]):
    """The rows of every table by name, each built when it is first read, since questions read few of a hundred."""

    def __init__(self, truth: Truth) -> None:
        self._truth = truth
        self._rows: dict[str, list[Row]] = {}

    def __getitem__(self, name: str) -> list[Row]:
        if name not in self._rows:
            self._rows[name] = self._build(name)
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter((PANELISTS.name, *_STORED_FACTS, *_ROLLUPS, ROLLUP_VERSIONS.name))

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _build(self, name: str) -> list[Row]:
        if name == PANELISTS.name:
            return build_panelists(self._truth)
        if name == ROLLUP_VERSIONS.name:
            return [{"part": 0, "fact": fact.name, "version": ROLLUP_VERSION} for fact in FACTS]
        if name in _ROLLUPS:
            fact, grain, span = _ROLLUPS[name]
            return build_rollup(fact, grain, span, self._build_fact(fact.name))
        return self._build_fact(_STORED_FACTS[name])

    def _build_fact(self, name: str) -> list[Row]:
        if name == GEO_STAYS.name:
            return self._geo_stays
        return (self._presence if name.startswith("presence_") else self._conversion).get(name, [])

    @cached_property
    def _geo_stays(self) -> list[Row]:
        return build_geo_stays(self._truth)

    @cached_property
    def _presence(self) -> dict[str, list[Row]]:
        return build_presence_facts(self._truth)

    @cached_property
    def _conversion(self) -> dict[str, list[Row]]:
        return build_conversion_facts(self._truth)


_STORED_FACTS = {fact.table.name: fact.name for fact in FACTS if fact.is_stored}
_ROLLUPS = {
    fact.rollup(grain, span).name: (fact, grain, span)
    for fact in FACTS
    for grain in fact.grains
    for span in grain.spans
}


def build_tables(truth: Truth) -> dict[str, list[Row]]:
    """Build the rows of every table, by name."""
    return dict(TruthTables(truth))
