"""Days of a fact gathered until they are worth a step of their own: a store's steps cost more than small days do."""

from collections.abc import Collection

import pyarrow as pa

from okube_api.catalogue.facts import Fact
from okube_api.ingest.writing import Facts
from okube_api.store.base import Change

_ENOUGH_ROWS = 100_000


class Gathered:
    """As `writing.Facts`, a few steps for many days; nothing is read back before `flush`."""

    def __init__(self, change: Change, fact: Fact) -> None:
        self._facts = Facts(change, fact)
        self._days: list[int] = []
        self._rows: list[pa.Table] = []

    async def replace(self, days: Collection[int], rows: pa.Table) -> None:
        """Makes rows all that these days have, which come but once."""
        self._days += days
        self._rows.append(rows)
        if sum(one.num_rows for one in self._rows) >= _ENOUGH_ROWS:
            await self.flush()

    async def finish(self) -> None:
        """Writes what is left, and sums the months."""
        await self.flush()
        await self._facts.finish()

    async def flush(self) -> None:
        """Writes what is gathered, so that it can be read back."""
        days, rows, self._days, self._rows = self._days, self._rows, [], []
        if days:
            await self._facts.replace(days, pa.concat_tables(rows))
