"""Tests that a corrected rollup has the same rows as one that is summed anew from all rows."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.catalogue.fact import Fact, Grain, Span
from okube_api.catalogue.facts import FACTS, GEO_STAYS
from okube_api.ingest.derive.rollup_changes import ChangedRows, RollupMismatch
from okube_api.ingest.derive.rollups import FactRows, roll_up
from tests.ingest.derive.test_rollups import FIRST_DAY, draw_rows, to_fact_table
from tests.rounds import count_examples

Row = dict[str, Any]
OF_USERS = [(fact, grain) for fact in FACTS if fact.has_users for grain in fact.grains]


def move_rows(rows: list[Row], days: tuple[int, ...], users: tuple[int, ...]) -> list[Row]:
    """Return rows on these days and of these users."""
    return [
        row | {"day": FIRST_DAY + days[at % len(days)], "user": users[row["user"] % len(users)]}
        for at, row in enumerate(rows)
    ]


def sum_anew(fact: Fact, grain: Grain, span: Span, rows: list[Row]) -> list[str]:
    return sorted(map(str, roll_up(grain, FactRows(fact, to_fact_table(fact, rows)), span).to_pylist()))


@pytest.mark.parametrize(("fact", "grain"), OF_USERS, ids=[f"{fact.name}-{grain.name}" for fact, grain in OF_USERS])
@settings(deadline=None, max_examples=count_examples(15))
@given(data=st.data())
def test_corrected_rollups_are_those_of_all_rows(fact: Fact, grain: Grain, data: st.DataObject) -> None:
    before = move_rows(data.draw(draw_rows(fact, grain)), (0, 1), (1, 2))
    after = move_rows(data.draw(draw_rows(fact, grain)), (0, 1), (1, 2))
    after += data.draw(st.sampled_from(([], before)))  # rows that stay as they are
    unchanged = move_rows(data.draw(draw_rows(fact, grain)), (2, 3, 40), (1, 2))
    of_strangers = move_rows(data.draw(draw_rows(fact, grain)), (0, 1, 2, 40), (3, 4))
    tables = (to_fact_table(fact, rows) for rows in (before, after, unchanged))
    changes = ChangedRows(fact, *tables)
    for span in grain.spans:
        stored = sum_anew(fact, grain, span, before + unchanged + of_strangers)
        rollup = roll_up(grain, FactRows(fact, to_fact_table(fact, before + unchanged + of_strangers)), span)
        expected = sum_anew(fact, grain, span, after + unchanged + of_strangers)
        change = changes.compare(grain, span)
        if change is None:
            assert expected == stored
            continue
        keys = [tuple(map(str, row.values())) for row in change.keys.to_pylist()]
        assert len(set(keys)) == len(keys)
        untouched = [
            row for row in rollup.to_pylist() if tuple(str(row[name]) for name in change.keys.column_names) not in keys
        ]
        stored_keys, corrected = change.correct(rollup.select(change.stored_columns))
        assert sorted(map(str, (*untouched, *corrected.to_pylist()))) == expected
        assert len(untouched) + stored_keys.num_rows == rollup.num_rows
        assert {tuple(map(str, row.values())) for row in stored_keys.to_pylist()} <= set(keys)


def test_a_stored_set_without_an_old_user_is_refused() -> None:
    row = dict.fromkeys((column.name for column in GEO_STAYS.columns), 1)
    texts = {column.name: "a" for column in GEO_STAYS.columns if column.type == "text"}
    rows = to_fact_table(GEO_STAYS, [{**row, **texts, "day": FIRST_DAY, "user": user} for user in (1, 2)])
    grain = GEO_STAYS.grains[0]
    change = ChangedRows(GEO_STAYS, rows, rows.slice(0, 1), rows.slice(0, 0)).compare(grain, Span.DAY)
    assert change is not None
    stored = roll_up(grain, FactRows(GEO_STAYS, rows.slice(0, 1)), Span.DAY)
    with pytest.raises(RollupMismatch):
        change.correct(stored.select(change.stored_columns))
    complete = roll_up(grain, FactRows(GEO_STAYS, rows), Span.DAY)
    keys, corrected = change.correct(complete.select(change.stored_columns))
    assert keys.num_rows == 1
    assert corrected.equals(stored)
