"""Rows for the tests, how they are written and read, and how they are compared."""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pyarrow as pa
from okube_api.store.plan_analysis import make_arrow_schema
from okube_api.store.protocol import Reader, Store
from okube_api.store.schema import Table

from tests.conformance import plain
from tests.conformance.declared import STAYS
from tests.engine.memory import freeze

Row = dict[str, Any]
PLACES = ("a", "b", "é", "", "a" * 40)
CAMPAIGNS = ("c1", "c2", "c3", "a.b", "$x")


def make_stays(seed: int, parts: Sequence[int], count: int) -> list[Row]:
    """Return random rows with nulls and lists."""
    generator = random.Random(seed)

    def choose_or_null(values: Sequence[Any]) -> Any:
        return None if generator.random() < 0.2 else generator.choice(values)

    return [
        {
            "part": generator.choice(parts),
            "place": choose_or_null(PLACES),
            "campaigns": choose_or_null(([], ["c1"], ["c2", "c1"], ["c1", "c1", "c3"], ["a.b", "$x"])),
            "counts": choose_or_null(([], [1], [1, 2, 2], [2**53 + 1, -5])),
            "dwell_s": choose_or_null((0, 1, 59, 60, 61, 3600, -4, 2**40)),
            "weight": choose_or_null((0, 1, 1000, 2500, -1)),
            "ratio": choose_or_null((0.0, 0.5, -1.25)),
            "active": choose_or_null((True, False)),
            "users": choose_or_null((b"", b"\x00\x01\x02\xff", bytes(range(256)))),
        }
        for _ in range(count)
    ]


def to_arrow(table: Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Return rows as the Arrow table that a change accepts."""
    return pa.Table.from_pylist(list(rows), schema=make_arrow_schema(plain.get_types(table)))


async def fill(store: Store, application: str, table: Table, rows: Sequence[Row], name: str = "fill") -> None:
    async with store.begin_change(application, name) as change:
        await change.replace(table, sorted({row["part"] for row in rows}), to_arrow(table, rows))
        await change.commit()


async def read_all(reader: Reader, table: Table, low: int = -(2**31), high: int = 2**31 - 1) -> list[Row]:
    """Return every row in the order of reading, after checking that parts ascend."""
    blocks = [block async for block in reader.read_parts(table, low, high)]
    rows = [row for block in blocks for row in block.to_pylist()]
    assert [row["part"] for row in rows] == sorted(row["part"] for row in rows)
    assert all(block.num_rows for block in blocks)
    return rows


async def read_stored(store: Store, application: str, table: Table) -> list[Row]:
    async with store.open_reader(application) as reader:
        return await read_all(reader, table)


def count_rows(rows: Sequence[Mapping[str, Any]]) -> Counter[tuple[tuple[str, Any], ...]]:
    """Return rows as a multiset, to compare them in any order."""
    return Counter(tuple(sorted((name, freeze(value)) for name, value in row.items())) for row in rows)


def replace_plain_rows(rows: Sequence[Row], keys: Sequence[Row], new_rows: Sequence[Row]) -> list[Row]:
    """Replace rows one by one, as a patch should."""
    names = tuple(keys[0])
    key_values = {tuple(freeze(key[name]) for name in names) for key in keys}
    return [row for row in rows if tuple(freeze(row[name]) for name in names) not in key_values] + list(new_rows)


TYPES = plain.get_types(STAYS)
CORPUS = make_stays(42, range(10, 22), 300)
