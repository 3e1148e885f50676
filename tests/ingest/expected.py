"""The tables that a truth makes, in plain Python, with names in the place of numbers."""

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

from tests.by_hand.truth import Truth
from tests.engine.numbering import bucket_numbers, user_numbers
from tests.engine.rows import rollup, tables
from tests.ingest.derive import tables as made
from tests.ingest.land import Row, canonical, named
from tests.ingest.refresh.test_presence import marks

_PRESENCE = (PRESENCE_STAYS, PRESENCE_PASSAGES, PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS)
ALL = ("geo_stays", "panelists", "outcomes", "cohorts", "credits", "exposures", "deliveries", "presence")
"""How the names of all tables of facts start."""


@lru_cache(maxsize=4)
def expected(truth: Truth) -> dict[str, list[Row]]:
    """Every table of facts, and the panel."""
    rows = tables(truth)
    wanted = [PANELISTS, *(one for fact in FACTS if fact not in _PRESENCE for one in fact.tables)]
    users = {number: name for name, number in user_numbers(truth).items()}
    devices = {number: name for name, number in made.numbered(one.device for one in truth.detections).items()}
    found = {table.name: [named(table, row, users) for row in rows[table.name]] for table in wanted}
    presence = [(table, some) for table, some in _presence(truth)]
    return found | {table.name: [named(table, row, devices) for row in some] for table, some in presence}


def _presence(truth: Truth) -> list[tuple[Table, list[Row]]]:
    rows, marked = made.presence_rows(truth), marks(truth)
    for name, place in (("stays", "site"), ("passages", "equipment")):
        rows[name] = [row | marked[row["user"], row[place], row["start"]] for row in rows[name]]
    found: list[tuple[Table, list[Row]]] = []
    for fact, some in zip(_PRESENCE, rows.values(), strict=True):
        numbered: list[dict[str, Any]] = [bucket_numbers(row["day"]) | row for row in some]
        if fact.is_stored:
            found.append((fact.table, numbered))
        found += [
            (fact.rollup(grain, span), rollup(fact, grain, span, numbered))
            for grain in fact.grains
            for span in grain.spans
        ]
    return found


def assert_same(found: dict[str, list[Row]], truth: Truth, *prefixes: str) -> None:
    """The tables whose names start so are what the truth makes."""
    wanted = expected(truth)
    checked = [name for name in wanted if name.startswith(prefixes)]
    assert checked
    for name in checked:
        assert canonical(found[name]) == canonical(wanted[name]), name
