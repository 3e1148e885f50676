"""Test that accepted counts and facts distinguish events by the same keys: those of the registry."""

from collections.abc import Mapping
from typing import Any

import pyarrow as pa
import pytest
from okube_api.catalogue.facts import DELIVERIES, GEO_STAYS
from okube_api.clock import utc_now
from okube_api.ingest.events.kinds import KINDS, OWN_ID_KEY, EventKind
from okube_api.ingest.raw.new_events import count_new_events
from okube_api.ingest.raw.reader import BatchDelta
from okube_api.ingest.refresh.day_reader import DayReader
from okube_api.kit.ids import new_id
from okube_api.store.plan_analysis import get_stored_types, make_arrow_schema
from okube_api.store.protocol import Store
from okube_api.store.schema import Column, ColumnType, Table
from okube_api.store.values import Json

from tests.ingest.spring import create_spring_app

pytestmark = pytest.mark.anyio

FIRST, LAST = 10, 12
OWN_ID = OWN_ID_KEY[:2]
DEDUPLICATED = [kind for kind in KINDS.values() if kind.deduplication_key]
VALUES: Mapping[ColumnType, tuple[Any, Any]] = {
    ColumnType.INTEGER: (5, 6),
    ColumnType.NUMBER: (1.5, 2.5),
    ColumnType.TEXT: ("one", "two"),
}


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
def test_a_kind_has_one_key_of_stored_columns(kind: EventKind) -> None:
    """Check that a kind has a natural key or a deduplication key, never both, and that its table has the columns."""
    columns = {"part", *(column.name for column in kind.table.columns)}
    assert bool(kind.natural_key) != bool(kind.deduplication_key)
    assert columns.issuperset(kind.natural_key + kind.deduplication_key)
    assert columns.issuperset(OWN_ID_KEY) == bool(kind.deduplication_key)


def stored_row(kind: EventKind, /, **values: Any) -> dict[str, Any]:
    """Return a row of a kind's table without an own id, some of its columns replaced."""
    row = {column.name: VALUES[column.type][0] for column in kind.table.columns if column.name not in OWN_ID}
    return {"part": FIRST} | row | dict.fromkeys(OWN_ID) | values


async def count_both_ways(store: Store, kind: EventKind, first: dict[str, Any], second: dict[str, Any]) -> set[int]:
    """Store two rows as two batches; return how many events the second adds, by the counts and by what facts read."""
    application = new_id(utc_now())
    kinds = {name: of for name, of in get_stored_types(kind.table).items() if name != "batch"}
    async with store.begin_change(application, "stored") as change:
        for number, row in enumerate((first, second), start=1):
            await change.append(kind.table, number, pa.Table.from_pylist([row], make_arrow_schema(kinds)))
        await change.commit()
    async with store.open_reader(application) as view:
        counted = await count_new_events(view, kind, [2], {1}, [(second["part"], second["part"])])
        read = await DayReader(view, kind, BatchDelta(frozenset({1, 2}))).read_days(FIRST, LAST)
    return {counted[2], read.num_rows - 1}


@pytest.mark.parametrize(
    ("kind", "column"),
    [(kind, column) for kind in DEDUPLICATED for column in kind.table.columns if column.name not in OWN_ID],
    ids=lambda value: value.name,
)
@pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True)
async def test_the_deduplication_key_identifies_events_without_an_id(
    shared_store: Store, kind: EventKind, column: Column
) -> None:
    """Check that two events that differ in one column are two exactly if the column belongs to the key."""
    other = stored_row(kind, **{column.name: VALUES[column.type][1]})
    expected = {int(column.name in kind.deduplication_key)}
    assert await count_both_ways(shared_store, kind, stored_row(kind), other) == expected


@pytest.mark.parametrize("kind", DEDUPLICATED, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("other", "new"),
    [
        ({"id_high": 1, "id_low": 2, "at": 6}, 0),  # the same id, another content
        ({"id_high": 1, "id_low": 2, "user": 6}, 1),  # the same id of another user
        ({"id_high": 1, "id_low": 3}, 1),  # the same content, another id
        ({"id_high": 1, "id_low": 2, "part": LAST}, 1),  # the same id on another day
        ({}, 1),  # no id
    ],
    ids=["same id", "other user", "other id", "other day", "no id"],
)
@pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True)
async def test_the_id_identifies_events_that_have_one(
    shared_store: Store, kind: EventKind, other: dict[str, Any], new: int
) -> None:
    """Check that the own id decides for a user within a UTC day, whatever the content."""
    first = stored_row(kind, id_high=1, id_low=2)
    assert await count_both_ways(shared_store, kind, first, stored_row(kind, **other)) == {new}


STAY = {"user": "a", "site": "lyon-2", "start": "2024-03-28T10:00:00Z", "duration_s": 600, "zone": "indoor"}
DELIVERY = {"campaign": "mails", "day": "2024-03-28", "site": "lyon-2", "prints": 1}


@pytest.mark.parametrize(
    ("kind", "fact", "event", "changes"),
    [
        (
            "stays",
            GEO_STAYS.table,
            STAY,
            [
                ({}, 0, 1),
                ({"user": "b"}, 1, 2),
                ({"site": "bund"}, 1, 3),
                ({"zone": "outdoor"}, 1, 4),
                ({"start": "2024-03-28T10:00:01Z"}, 1, 5),
                ({"duration_s": 601}, 1, 6),
            ],
        ),
        (
            "deliveries",
            DELIVERIES.table,
            DELIVERY,
            [
                ({}, 0, 1),
                ({"campaign": "autumn"}, 1, 2),
                ({"day": "2024-03-29"}, 1, 3),
                ({"site": None}, 1, 4),
                ({"prints": 2}, 1, 4),  # replaces the first one
            ],
        ),
    ],
)
@pytest.mark.parametrize("shared_store", ["duckdb"], indirect=True)
async def test_accepted_events_are_those_that_facts_are_made_of(
    empty_store: Store, *, kind: str, fact: Table, event: Json, changes: list[tuple[Json, int, int]]
) -> None:
    """Check, for further files with one field changed, how many events are accepted and how many rows facts have."""
    app = await create_spring_app(empty_store)
    await app.ingest_events(kind, [event])
    for change, new, rows in changes:
        batch = await app.ingest_events(
            kind, [{name: value for name, value in (event | change).items() if value is not None}]
        )
        assert batch["accepted"] == new, (change, batch["reasons"])
        async with empty_store.open_reader(app.application.id) as view:
            blocks = [block async for block in view.read_parts(fact, 0, 100_000)]
        assert sum(block.num_rows for block in blocks) == rows, change
