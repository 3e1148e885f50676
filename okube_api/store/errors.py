"""Errors that a store reports to its callers."""

from dataclasses import dataclass
from typing import Any


class StoreError(Exception):
    """Base of the errors that callers can handle; everything else a store raises is a bug."""


class UnsupportedByStore(StoreError):
    """The store has no rule for a node of a condition or plan, or a field is not declared."""


class Unavailable(StoreError):
    """The database does not answer or exceeded its time limit; a later attempt may succeed."""


class TooManyRows(StoreError):
    """A plan would read or return more rows than the limit given to `Store.open_reader`."""


class StoreFull(StoreError):
    """The disk is full; nothing of the write was kept."""


class StoreDamaged(StoreError):
    """The content of the database is wrong; the message names the file, the place and the way back."""


class StoreTooNew(StoreError):
    """A newer version of this package has written the database."""

    def __init__(self, store: str, stored_version: int, version: int) -> None:
        super().__init__(
            f"{store} has schema version {stored_version}; this version of okube-api knows versions up to {version}. "
            "Install the version of okube-api that the store was last used with, or a later one; or restore the backup "
            "from before its update."
        )


class AccessRefused(StoreError):
    """The database refuses the user of the store's URL."""


class StoreLocked(StoreError):
    """Another process has the embedded store open."""


class Conflict(StoreError):
    """Another change of the same application was committed first; nothing of this one was kept.  Start it again."""


@dataclass(slots=True, eq=False)  # exceptions stay hashable
class Duplicate(StoreError):
    """A unique value is already taken; nothing of the write was kept.

    index: the position, among the documents to write, of the document that was refused.
    """

    collection: str
    fields: tuple[str, ...]
    index: int = 0
    value: Any = None
