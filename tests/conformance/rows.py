"""Rows to be written and read, and how they are compared."""

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
from tests.engine.memory import frozen

Row = dict[str, Any]
PLACES = ("a", "b", "é", "", "a" * 40)
CAMPAIGNS = ("c1", "c2", "c3", "a.b", "$x")


def stays(seed: int, parts: Sequence[int], many: int) -> list[Row]:
    """Rows with nulls and lists in them."""
    chance = random.Random(seed)

    def perhaps(values: Sequence[Any]) -> Any:
        return None if chance.random() < 0.2 else chance.choice(values)

    return [
        {
            "part": chance.choice(parts),
            "place": perhaps(PLACES),
            "campaigns": perhaps(([], ["c1"], ["c2", "c1"], ["c1", "c1", "c3"], ["a.b", "$x"])),
            "counts": perhaps(([], [1], [1, 2, 2], [2**53 + 1, -5])),
            "dwell_s": perhaps((0, 1, 59, 60, 61, 3600, -4, 2**40)),
            "weight": perhaps((0, 1, 1000, 2500, -1)),
            "ratio": perhaps((0.0, 0.5, -1.25)),
            "active": perhaps((True, False)),
            "users": perhaps((b"", b"\x00\x01\x02\xff", bytes(range(256)))),
        }
        for _ in range(many)
    ]


def arrow(table: Table, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
    """Rows as stores take them."""
    return pa.Table.from_pylist(list(rows), schema=make_arrow_schema(plain.kinds_of(table)))


async def fill(store: Store, application: str, table: Table, rows: Sequence[Row], name: str = "fill") -> None:
    async with store.begin_change(application, name) as change:
        await change.replace(table, sorted({row["part"] for row in rows}), arrow(table, rows))
        await change.commit()


async def every(reader: Reader, table: Table, low: int = -(2**31), high: int = 2**31 - 1) -> list[Row]:
    """Every row, as read; checks that parts ascend."""
    blocks = [block async for block in reader.read_parts(table, low, high)]
    found = [row for block in blocks for row in block.to_pylist()]
    assert [row["part"] for row in found] == sorted(row["part"] for row in found)
    assert all(block.num_rows for block in blocks)
    return found


async def stored(store: Store, application: str, table: Table) -> list[Row]:
    async with store.open_reader(application) as reader:
        return await every(reader, table)


def bag(rows: Sequence[Mapping[str, Any]]) -> Counter[tuple[tuple[str, Any], ...]]:
    """Rows in no order."""
    return Counter(tuple(sorted((name, frozen(value)) for name, value in row.items())) for row in rows)


KINDS = plain.kinds_of(STAYS)
CORPUS = stays(42, range(10, 22), 300)
