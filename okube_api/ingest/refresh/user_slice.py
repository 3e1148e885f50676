"""A change of an application as if it had only the events and facts of some users.

Facts of a user depend on no other user's events.  So a refresh of these users alone writes the same rows as a refresh
of everybody, and reads and writes only what concerns them.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from okube_api.catalogue.fact import Fact
from okube_api.catalogue.facts import FACTS, PANELISTS, PRESENCE_PASSAGE_EXITS, PRESENCE_STEPS
from okube_api.ingest.columns.columns import find_distinct, to_integers
from okube_api.ingest.events import tables
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.refresh.context import Batch
from okube_api.store.arrays import Ints
from okube_api.store.conditions import EVERYTHING, Condition, OneOf
from okube_api.store.plan_analysis import FIRST_PART, LAST_PART
from okube_api.store.plans import Aggregate, Select
from okube_api.store.protocol import Change, Reader
from okube_api.store.schema import Collection, Table
from okube_api.store.values import Json

T = TypeVar("T")
MAX_USERS, MAX_EVENTS = 20_000, 200_000
"""Limits of a slice: for more, whole days are refreshed."""
SLICED_KINDS = frozenset(("pings", "stays", "detections", "touches", "visits", "purchases"))
_DEVICE_TABLES = frozenset(
    (tables.DETECTIONS.name, *(fact.table.name for fact in FACTS if fact.name.startswith("presence_")))
)
_USER_TABLES = frozenset(
    table.name
    for table in (PANELISTS, *tables.TABLES, *(fact.table for fact in FACTS))
    if any(column.name == "user" for column in table.columns)
)


class UserSlice:
    """A change whose reads return only rows of some users, and of tables without users all rows.

    users, devices: the numbers of the users and of the devices; devices are the users of detections and presence.
    Facts are written by a `FactPatcher`, which keeps the rows of other users.
    """

    def __init__(self, change: Change, users: Ints, devices: Ints) -> None:
        self.change = change
        self._users = OneOf("user", tuple(users.tolist()))
        self._devices = OneOf("user", tuple(devices.tolist()))

    @property
    def version(self) -> str:
        """Version of the change."""
        return self.change.version

    @property
    def is_append_cheap(self) -> bool:
        """Whether appending a few rows to a table of many batches is cheap."""
        return self.change.is_append_cheap

    def version_of(self, table: Table) -> str:
        """Return the version of a table."""
        return self.change.version_of(table)

    async def aggregate(self, plan: Aggregate) -> pa.Table:
        """Return the groups and measures of a plan over the rows of the users."""
        return await self.change.aggregate(self._restrict_aggregate(plan))

    async def select(self, plan: Select) -> pa.Table:
        """Return the rows of a plan that belong to the users."""
        return await self.change.select(replace(plan, where=plan.where & self._match(plan.source)))

    async def read_parts(
        self, table: Table, low: int, high: int, where: Condition = EVERYTHING
    ) -> AsyncIterator[pa.Table]:
        """Yield the rows of the users."""
        async for block in self.change.read_parts(table, low, high, where & self._match(table)):
            yield block

    async def list_parts(self, table: Table, batch: int | None = None) -> list[int]:
        """Return the partitions with rows: of events those of anybody, of facts those of the users."""
        if table.packed or table.name not in _USER_TABLES:
            return await self.change.list_parts(table, batch)
        plan = Aggregate(table, EVERYTHING, ("part",))
        return sorted((await self.aggregate(plan))["part"].to_pylist())

    def to_statement(self, plan: Aggregate | Select) -> Any:
        """Return the statement of a plan over the rows of everybody."""
        return self.change.to_statement(plan)

    async def append(self, table: Table, batch: int, rows: pa.Table) -> None:
        """Add rows of a batch."""
        await self.change.append(table, batch, rows)

    async def remove(self, table: Table, batch: int) -> None:
        """Remove the rows of a batch."""
        await self.change.remove(table, batch)

    async def replace(self, table: Table, parts: Sequence[int], rows: pa.Table) -> None:
        """Replace partitions of a table without users.  Raise ValueError for others, which have other users' rows."""
        if table.name in _USER_TABLES:
            raise ValueError(f"Table '{table.name}' has rows of other users in these parts.")
        await self.change.replace(table, parts, rows)

    async def patch(self, table: Table, keys: pa.Table, rows: pa.Table) -> None:
        """Replace the rows with these keys."""
        await self.change.patch(table, keys, rows)

    async def insert_documents(self, collection: Collection, documents: Sequence[Json]) -> None:
        """Insert documents in the same step as the rows."""
        await self.change.insert_documents(collection, documents)

    async def run_apart(self, work: "Callable[[Change], Awaitable[T]]") -> T:
        """Return the result of `work`, which gets the slice."""
        return await work(self)

    async def commit(self) -> None:
        """Make the change visible and durable."""
        await self.change.commit()

    def has_part_of(self, fact: Fact) -> bool:
        """Return whether the slice has only some rows of a fact, those of its users."""
        return fact.has_users or fact in (PRESENCE_STEPS, PRESENCE_PASSAGE_EXITS)

    def _match(self, table: Table) -> Condition:
        """Return the condition that the rows of a table belong to the users."""
        if table.name not in _USER_TABLES:
            return EVERYTHING
        return self._devices if table.name in _DEVICE_TABLES else self._users

    def _restrict_aggregate(self, plan: Aggregate) -> Aggregate:
        if isinstance(plan.source, Aggregate):
            return replace(plan, source=self._restrict_aggregate(plan.source))
        return replace(plan, where=plan.where & self._match(plan.source))


async def find_users(view: Reader, batches: Sequence[Batch]) -> tuple[Ints, Ints] | None:
    """Return the numbers of the users and of the devices of batches, ascending.

    Return None when a batch has events without users, or of panelists, or when the events or users are many.
    """
    if not SLICED_KINDS.issuperset(batch.kind for batch in batches):
        return None
    users, count = {False: np.empty(0, np.int64), True: np.empty(0, np.int64)}, 0
    for name in {batch.kind for batch in batches}:
        is_device = KINDS[name].table.name in _DEVICE_TABLES
        async for block in _read_rows(view, name, [batch for batch in batches if batch.kind == name]):
            users[is_device] = find_distinct(np.concatenate((users[is_device], to_integers(block["user"]))))
            count += block.num_rows
            if count > MAX_EVENTS or len(users[is_device]) > MAX_USERS:
                return None
    return users[False], users[True]


async def _read_rows(view: Reader, kind: str, batches: Sequence[Batch]) -> AsyncIterator[pa.Table]:
    """Yield the events of batches of one kind, from memory where they are there."""
    if in_memory := [batch.rows for batch in batches if batch.rows is not None]:
        yield pa.concat_tables(in_memory)
    if stored := tuple(batch.number for batch in batches if batch.rows is None):
        async for block in view.read_parts(KINDS[kind].table, FIRST_PART, LAST_PART, OneOf("batch", stored)):
            yield block
