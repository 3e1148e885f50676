"""The tables that a truth makes, in plain Python, with names in the place of numbers."""

from functools import lru_cache

from okube_api.catalogue.facts import FACTS, PANELISTS
from tests.by_hand.truth import Truth
from tests.engine.numbering import user_numbers
from tests.engine.rows import tables
from tests.ingest.land import Row, canonical, named


@lru_cache(maxsize=4)
def expected(truth: Truth) -> dict[str, list[Row]]:
    """Every table of facts about users, and the panel."""
    names = {number: name for name, number in user_numbers(truth).items()}
    rows = tables(truth)
    wanted = [PANELISTS, *(one for fact in FACTS if not fact.name.startswith("presence") for one in fact.tables)]
    return {table.name: [named(table, row, names) for row in rows[table.name]] for table in wanted}


def assert_same(found: dict[str, list[Row]], truth: Truth, *prefixes: str) -> None:
    """The tables whose names start so are what the truth makes."""
    wanted = expected(truth)
    checked = [name for name in wanted if name.startswith(prefixes)]
    assert checked
    for name in checked:
        assert canonical(found[name]) == canonical(wanted[name]), name
