"""The result of reading a collection or table from start to end."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class TableCheck:
    """One collection or table.

    rows: how many documents or rows it has; 0 when it cannot be read.
    error: why it cannot be read.
    """

    name: str
    rows: int
    error: str | None = None
