"""Test that conflicting changes are tried again, and how often."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from okube_api.ingest.retry import commit_with_retry
from okube_api.store.errors import Conflict

pytestmark = pytest.mark.anyio


class ConflictingStore:
    """A store whose first changes conflict when they are committed."""

    def __init__(self, conflicts: int) -> None:
        self.conflicts = conflicts
        self.begun_changes: list[str] = []

    @asynccontextmanager
    async def begin_change(self, application: str, name: str) -> AsyncIterator["ConflictingStore"]:
        """Begin a change, which is the store itself."""
        self.begun_changes.append(f"{application}:{name}")
        yield self

    async def get(self, *_: object) -> None:
        """Return None: no application was deleted."""

    async def commit(self) -> None:
        """Raise Conflict at the first `conflicts` calls."""
        if len(self.begun_changes) <= self.conflicts:
            raise Conflict("another change came between")


async def test_work_is_done_again_until_its_change_is_committed() -> None:
    """Check that each attempt is a new change of the same name, and that the last result is returned."""
    store: Any = ConflictingStore(conflicts=2)

    async def work(change: Any) -> int:
        return len(change.begun_changes)

    assert await commit_with_retry(store, "app", "name", work, pause_s=0) == 3
    assert store.begun_changes == ["app:name"] * 3


async def test_the_last_conflict_is_raised() -> None:
    """Check that only the allowed number of attempts is made."""
    store: Any = ConflictingStore(conflicts=3)

    async def work(_: Any) -> None: ...

    with pytest.raises(Conflict):
        await commit_with_retry(store, "app", "name", work, attempts=3, pause_s=0)
    assert len(store.begun_changes) == 3
