"""Deletions of applications that are killed after any of their writes: the next process completes them."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import pytest
from okube_api.api.application_deletion import CLAIM, LATER_PASSES, ApplicationDeletion, plan_passes
from okube_api.applications.deletions import DELETIONS
from okube_api.applications.repository import ApplicationRepository
from okube_api.auth.keys import ApiKeyRepository
from okube_api.auth.repository import UserRepository
from okube_api.auth.tokens import Signer
from okube_api.kit.resource_changes import ChangePublisher
from okube_api.store.conditions import equal
from okube_api.store.duckdb import store as duckdb_store
from okube_api.store.mongo import store as mongo_store

from tests.api.application_content import (
    count_documents,
    count_rows,
    dump_application,
    fill_application,
    find_mentions,
)
from tests.api.server import SECRET, MovableClock, Server, Tenant

pytestmark = [pytest.mark.anyio, pytest.mark.slow]

WRITES = frozenset({"insert", "delete", "update", "replace", "write"})
LEAST_KILLS, MOST_KILLS = 10, 300
EACH_OF = 40  # the first writes, after each of which a process is killed


class Killed(Exception):
    """The process is killed before a write."""


class MortalProcess:
    """A process that is killed before its next write when it has made a number of them."""

    left: int | None = None
    """The number of writes that it may still make; None: any number."""

    def limit(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function whose calls are writes."""

        def write(*arguments: Any, **options: Any) -> Any:
            if self.left is not None:
                if not self.left:
                    raise Killed
                self.left -= 1
            return function(*arguments, **options)

        return write


class MortalStore:
    """A store whose writes of documents count."""

    def __init__(self, store: Any, process: MortalProcess) -> None:
        self._store, self._process = store, process

    def __getattr__(self, name: str) -> Any:
        """Return what the store has; writes are counted."""
        value = getattr(self._store, name)
        return self._process.limit(value) if name in WRITES else value


def start_process(server: Server, clock: MovableClock, process: MortalProcess) -> ApplicationDeletion:
    """Return the deletion of another process on the store of the server."""
    store: Any = MortalStore(server.services.store, process)
    return ApplicationDeletion(
        store,
        clock,
        plan_passes(store, server.services.settings.query_timeout_s),
        applications=ApplicationRepository(store, clock, ChangePublisher()),
        users=UserRepository(store, clock),
        keys=ApiKeyRepository(store, clock, Signer(SECRET.encode())),
        caches=(),
    )


async def run_until_killed(work: Awaitable[None], deletion: ApplicationDeletion) -> bool:
    """Await work and what it has started in the background; return whether the process was killed."""
    try:
        await work
        await deletion.drain()
    except Killed:
        await deletion.close()
        return True
    return False


@pytest.fixture
def process(monkeypatch: pytest.MonkeyPatch) -> MortalProcess:
    """Return a process whose deletions of rows count as writes, on either store."""
    process = MortalProcess()
    for module, names in ((duckdb_store, ("_delete_range", "_delete_all")), (mongo_store, ("delete_in_steps",))):
        for name in names:
            monkeypatch.setattr(module, name, process.limit(getattr(module, name)))
    return process


async def test_processes_that_are_killed_after_each_write_delete_everything_together(
    server: Server, tenant: Tenant, other_tenant: Tenant, process: MortalProcess
) -> None:
    """Let each process make one write more than the one before, until one completes the last pass.

    What follows the first writes are deletions from one table after the other, of which every tenth is enough.
    """
    await fill_application(tenant, "own")
    await fill_application(other_tenant, "other")
    own, other = [await dump_application(server, each.id) for each in (tenant, other_tenant)]
    document = await server.services.applications.get_by_id(tenant.id)
    clock, record = MovableClock(), equal("_id", tenant.id)  # of its own, so that the server itself finds nothing due
    deletion = start_process(server, clock, process)
    process.left = 0
    assert await run_until_killed(deletion.delete(document), deletion)
    assert await dump_application(server, tenant.id) == own
    process.left = 1
    assert await run_until_killed(deletion.delete(document), deletion)
    kills = 2
    while await server.services.store.count(DELETIONS, record):
        clock.ahead += CLAIM + timedelta(seconds=1)
        process.left = kills
        deletion = start_process(server, clock, process)
        if await run_until_killed(deletion.resume_in_background(), deletion):
            kills += 1 if kills < EACH_OF else 10
            assert kills < MOST_KILLS
        else:
            clock.ahead += LATER_PASSES[-1]
    assert kills > LEAST_KILLS
    process.left = None
    assert set((await count_documents(server, tenant.id)).values()) == {0}
    assert set((await count_rows(server, tenant.id)).values()) == {0}
    assert await find_mentions(server, tenant.id) == set()
    assert await dump_application(server, other_tenant.id) == other
