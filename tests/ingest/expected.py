"""The tables of facts that a truth leads to, in plain Python, with names in the place of user numbers."""

from functools import lru_cache
from typing import Any

from okube_api.catalogue.facts import (
    FACTS,
    PANELISTS,
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
)
from okube_api.store.schema import Table

from tests.by_hand.presence import mark_rows as list_presence
from tests.by_hand.truth import Truth
from tests.engine.numbering import bucket_numbers, user_numbers
from tests.engine.rows import TruthTables, build_rollup
from tests.ingest.derive.tables import expect_presence_rows, number_names
from tests.ingest.rows import Row, replace_numbers, to_comparable

PRESENCE_FACTS = (PRESENCE_STAYS, PRESENCE_PASSAGES, PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS)
ALL = ("geo_stays", "panelists", "outcomes", "purchases", "cohorts", "credits", "exposures", "deliveries", "presence")
"""Prefixes of the names of all tables of facts."""


@lru_cache(maxsize=8)
def build_expected_tables(truth: Truth) -> dict[str, list[Row]]:
    """Return the rows of every fact, of its rollups and of the panel, by table."""
    rows = TruthTables(truth)
    users = {number: name for name, number in user_numbers(truth).items()}
    devices = {number: name for name, number in number_names(event.device for event in truth.detections).items()}
    of_users = [PANELISTS, *(table for fact in FACTS if fact not in PRESENCE_FACTS for table in fact.tables)]
    expected = {table.name: [replace_numbers(table, row, users) for row in rows[table.name]] for table in of_users}
    for table, of_devices in _build_presence_tables(truth):
        expected[table.name] = [replace_numbers(table, row, devices) for row in of_devices]
    return expected


def _build_presence_tables(truth: Truth) -> list[tuple[Table, list[Row]]]:
    expected: list[tuple[Table, list[Row]]] = []
    for fact, rows in zip(PRESENCE_FACTS, build_presence_rows(truth).values(), strict=True):
        numbered_rows: list[Row] = [bucket_numbers(row["day"]) | row for row in rows]
        if fact.is_stored:
            expected.append((fact.table, numbered_rows))
        for grain in fact.grains:
            for span in grain.spans:
                expected.append((fact.rollup(grain, span), build_rollup(fact, grain, span, numbered_rows)))
    return expected


def build_presence_rows(truth: Truth) -> dict[str, list[Row]]:
    """Return the rows of the facts of presence with their recency flags, in the order of PRESENCE_FACTS."""
    rows, flags = expect_presence_rows(truth), _build_recency_flags(truth)
    for name, place in (("stays", "site"), ("passages", "equipment")):
        rows[name] = [row | flags[row["user"], row[place], row["start"]] for row in rows[name]]
    return rows


def _build_recency_flags(truth: Truth) -> dict[tuple[Any, ...], dict[str, int]]:
    """Return flags by device number, place (site or equipment) and start (ms) of a stay or passage."""
    numbers = number_names(detection.device for detection in truth.detections)
    visitor_days: set[tuple[Any, ...]] = set()
    flags = {}
    for presence in list_presence(truth):
        is_first = presence.visitor_day not in visitor_days
        visitor_days.add(presence.visitor_day)
        place = presence.equipment or presence.session.site
        flags[numbers[presence.session.device], place, round(presence.start_s * 1000)] = {
            "visitor_day": int(is_first),
            "new_place": int(presence.new_here),
            "new_application": int(presence.new_anywhere),
        }
    return flags


def assert_tables(actual: dict[str, list[Row]], truth: Truth, *prefixes: str) -> None:
    """Check the tables whose names have these prefixes against what the truth leads to."""
    expected = build_expected_tables(truth)
    names = [name for name in expected if name.startswith(prefixes)]
    assert names
    for name in names:
        assert to_comparable(actual[name]) == to_comparable(expected[name]), name
