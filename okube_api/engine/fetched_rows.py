"""The rows that the store returned to the passes of a plan."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa

from okube_api.engine.panel import Panel
from okube_api.engine.plan import Plan

_SMALL_BYTES = 200_000


@dataclass(frozen=True)
class FetchedRows:
    """A plan, the table of each of its passes, and the panel."""

    plan: Plan
    tables: Sequence[pa.Table]
    panel: Panel

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(table.num_rows for table in self.tables)

    @cached_property
    def is_small(self) -> bool:
        """Whether evaluating the rows takes less time than handing them to another thread."""
        size: int = sum(table.nbytes for table in self.tables)
        return size <= _SMALL_BYTES
