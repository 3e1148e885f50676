"""Test which partitions are kept in memory for the changes that follow; their rows: `conformance/test_patches.py`."""

from random import Random

import pyarrow as pa
import pytest
from okube_api.store.conditions import EVERYTHING, Between, Missing, OneOf, equal
from okube_api.store.duckdb import recent_parts
from okube_api.store.duckdb.recent_parts import RecentParts, find_parts
from okube_api.store.plans import Aggregate, Count, Select
from okube_api.store.schema import Column, ColumnType, Table

TABLE = Table("sums", (Column("place", ColumnType.TEXT), Column("stays", ColumnType.INTEGER)))
EVENTS = Table("events", (Column("place", ColumnType.TEXT),), packed=True)


def build_rows(*places: str, part: int = 1) -> pa.Table:
    return pa.table({"part": [part] * len(places), "place": pa.array(places, pa.string()), "stays": [1] * len(places)})


def keep(recent: RecentParts, rows: pa.Table, *, application: str = "a", version: int = 1, part: int = 1) -> None:
    """Ask for a partition twice, and keep its rows."""
    assert recent.find(application, TABLE, version, part) == (None, False)
    assert recent.find(application, TABLE, version, part) == (None, True)
    recent.put(application, TABLE, version, part, rows)


def list_places(recent: RecentParts, *, version: int = 1, part: int = 1) -> list[str] | None:
    recent_part, _ = recent.find("a", TABLE, version, part)
    return None if recent_part is None else recent_part.select(EVERYTHING, ("place",))["place"].to_pylist()


def test_a_partition_is_kept_when_it_is_read_twice_and_then_patched() -> None:
    """Patch rows of two partitions, of which one is kept."""
    recent = RecentParts()
    keep(recent, build_rows("x", "y"))
    keys = pa.table({"part": [1, 2], "place": ["x", "x"]})
    new = pa.concat_tables([build_rows("z"), build_rows("x", part=2)])
    recent.patch("a", TABLE, 1, 2, [(keys, new), (pa.table({"part": [1]}).slice(0, 0), build_rows("w"))])
    assert list_places(recent, version=2) == ["y", "z", "w"]
    assert recent.find("b", TABLE, 2, 1) == (None, False)


def test_another_version_of_the_table_is_read_again() -> None:
    """Change the table otherwise than by patches, and patch a version that is not here."""
    recent = RecentParts()
    keep(recent, build_rows("x"))
    assert list_places(recent, version=2) is None
    keep(recent, build_rows("x"), version=3)
    recent.patch("a", TABLE, 4, 5, [(pa.table({"part": [1]}), build_rows("z"))])
    assert list_places(recent, version=5) is None


def test_applications_that_read_nothing_twice_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read a table of more applications than are remembered, and more partitions of one table."""
    monkeypatch.setattr(recent_parts, "_MAX_TABLES", 3)
    monkeypatch.setattr(recent_parts, "_MAX_REQUESTED", 2)
    recent = RecentParts()
    for application in "abcd":
        assert recent.find(application, TABLE, 1, 1) == (None, False)
    assert recent.find("a", TABLE, 1, 1) == (None, False)  # forgotten
    assert recent.find("d", TABLE, 1, 1) == (None, True)
    for part in (2, 3, 4):
        assert recent.find("d", TABLE, 1, part) == (None, False)
    assert recent.find("d", TABLE, 1, 1) == (None, False)  # forgotten


def test_a_partition_has_the_rows_of_its_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Patch a partition a hundred times, by one or all columns, with none to many keys, and compare it with a list."""
    monkeypatch.setattr(recent_parts, "_MAX_PATCHED", 7)
    random = Random(5)
    names = [None, *"abcdef", *map(str, range(40))]
    schema = build_rows("a").schema
    truth = [{"part": 1, "place": name, "stays": stays} for name in names[:9] for stays in (1, 2)]
    recent_part = recent_parts.RecentPart(TABLE, pa.Table.from_pylist(truth, schema))
    for _ in range(200):
        by = random.choice((["part", "place"], ["part", "place", "stays"], ["part"]))
        keys = [
            {"part": 1, "place": name, "stays": random.randint(1, 3)}
            for name in random.sample(names, random.choice((0, 1, 2, 30) if len(by) > 1 else (0, 0, 1)))
        ]
        keys = [{name: key[name] for name in by} for key in keys]
        rows = [
            {"part": 1, "place": random.choice(names), "stays": random.randint(1, 3)}
            for _ in range(random.choice((0, 1, 3, 25)))
        ]
        truth = [row for row in truth if {name: row[name] for name in by} not in keys] + rows
        key_schema = pa.schema([schema.field(name) for name in by])
        recent_part.patch(pa.Table.from_pylist(keys, key_schema), pa.Table.from_pylist(rows, schema))
        for where, expected in (
            (EVERYTHING, truth),
            (Missing("place") | equal("place", "a"), [row for row in truth if row["place"] in (None, "a")]),
            (equal("part", 1) & OneOf("stays", (1, 3)), [row for row in truth if row["stays"] != 2]),
        ):
            selected = recent_part.select(where, ("stays", "place", "part")).to_pylist()
            assert sorted(map(str, selected)) == sorted(
                str({"stays": row["stays"], "place": row["place"], "part": 1}) for row in expected
            )


def test_a_deleted_application_is_forgotten() -> None:
    recent = RecentParts()
    keep(recent, build_rows("x"))
    recent.forget("b")
    assert list_places(recent) == ["x"]
    recent.forget("a")
    assert list_places(recent) is None


def test_what_is_too_large_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a partition of many rows, and more partitions than fit."""
    monkeypatch.setattr(recent_parts, "MAX_ROWS", 2)
    recent = RecentParts()
    keep(recent, build_rows("x", "y", "z"))
    assert recent.find("a", TABLE, 1, 1) == (None, False)  # it is not read again and again
    for part in range(2, 6):
        keep(recent, build_rows("x", part=part), part=part)
    assert list_places(recent, part=5) == ["x"]
    assert recent.find("a", TABLE, 1, 1) == (None, False)
    monkeypatch.setattr(recent_parts, "_MAX_BYTES", 1)
    keep(recent, build_rows("x", part=6), part=6)
    assert list_places(recent, part=6) is None


def test_what_is_dropped_counts_no_longer_and_patches_do(monkeypatch: pytest.MonkeyPatch) -> None:
    """Load a table again and again, then let its rows grow by a patch."""
    monkeypatch.setattr(recent_parts, "_MAX_BYTES", 3 * recent_parts.RecentPart(TABLE, build_rows("x")).nbytes)
    recent = RecentParts()
    keep(recent, build_rows("x"), application="b")
    for version in range(9):
        keep(recent, build_rows("x"), version=version)
    assert recent.find("b", TABLE, 1, 1)[0] is not None
    recent.patch("b", TABLE, 1, 2, [(build_rows("x"), build_rows(*"x" * 99))])
    assert recent.find("b", TABLE, 2, 1)[0] is not None
    keep(recent, build_rows("x"), application="c")
    assert recent.find("b", TABLE, 2, 1) == (None, False)


@pytest.mark.parametrize(
    ("plan", "parts"),
    [
        (Select(TABLE, OneOf("part", (1, 2)) & equal("place", "x"), ("stays",)), [1, 2]),
        (Select(TABLE, equal("part", 1), ("stays",)), [1]),
        (Select(TABLE, OneOf("part", tuple(range(9))), ("stays",)), None),
        (Select(TABLE, equal("part", 1) & Between("stays", 1, None), ("stays",)), None),
        (Select(TABLE, EVERYTHING, ("stays",)), None),
        (Select(EVENTS, equal("part", 1), ("place",)), None),
        (Aggregate(TABLE, equal("part", 1), (), (Count("n"),)), None),
    ],
)
def test_plans_of_a_few_partitions_are_answered(plan: Select | Aggregate, parts: list[int] | None) -> None:
    """Check which plans are, and of which partitions."""
    assert find_parts(plan) == parts
