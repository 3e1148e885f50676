"""Leases: one process at a time works on an application, and a dead process does not keep its lease."""

import asyncio
from datetime import datetime, timedelta

import anyio
import pytest
from okube_api.ingest import leases
from okube_api.ingest.leases import LEASE_LIFETIME, LEASES, ApplicationLeases
from okube_api.store.conditions import equal
from okube_api.store.protocol import Store

from tests.ingest.ingest_app import NOW

pytestmark = pytest.mark.anyio

APPLICATION = "a" * 24


class Clock:
    """Clock that is set by the test."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        """Return the instant that was set."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Provide a clock that all processes share; poll often."""
    monkeypatch.setattr(leases, "_POLL_S", 0.005)
    monkeypatch.setattr(leases, "RENEWAL_S", 0.01)
    return Clock()


async def wait_for_lease(process: ApplicationLeases) -> None:
    """Hold the lease for a moment, as soon as it is free."""
    async with process.hold(APPLICATION):
        pass


async def test_processes_hold_a_lease_one_after_the_other(empty_store: Store, clock: Clock) -> None:
    processes = [ApplicationLeases(empty_store, clock, is_shared=True) for _ in range(3)]
    holders: list[int] = []

    async def work(number: int) -> None:
        for _ in range(3):
            async with processes[number].hold(APPLICATION):
                holders.append(number)
                await anyio.sleep(0.002)
                assert holders[-1] == number

    await asyncio.gather(*(work(number) for number in (0, 0, 1, 2)))
    assert len(holders) == 12
    assert await empty_store.get(LEASES, equal("_id", APPLICATION)) is None


async def test_applications_do_not_wait_for_each_other(empty_store: Store, clock: Clock) -> None:
    first, second = (ApplicationLeases(empty_store, clock, is_shared=True) for _ in range(2))
    async with first.hold(APPLICATION), first.hold("b" * 24), second.hold("c" * 24):
        assert await second.is_busy(APPLICATION)
        assert not await second.is_busy("d" * 24)


async def test_lease_is_renewed_while_it_is_held(empty_store: Store, clock: Clock) -> None:
    alive, other = (ApplicationLeases(empty_store, clock, is_shared=True) for _ in range(2))
    async with alive.hold(APPLICATION):
        for _ in range(3):
            clock.now += LEASE_LIFETIME / 2
            await anyio.sleep(0.1)
        assert await other.is_busy(APPLICATION)
        with anyio.move_on_after(0.05) as waiting:
            await wait_for_lease(other)
        assert waiting.cancelled_caught


async def test_lease_of_a_dead_process_expires(empty_store: Store, clock: Clock) -> None:
    dead, other = (ApplicationLeases(empty_store, clock, is_shared=True) for _ in range(2))
    assert await dead._acquire(APPLICATION)
    assert await other.is_busy(APPLICATION)
    clock.now += LEASE_LIFETIME + timedelta(milliseconds=1)
    assert not await other.is_busy(APPLICATION)
    await wait_for_lease(other)


async def test_no_lease_is_stored_where_only_one_process_can_open_the_store(empty_store: Store, clock: Clock) -> None:
    process = ApplicationLeases(empty_store, clock, is_shared=False)
    async with process.hold(APPLICATION):
        assert await process.is_busy(APPLICATION)
        assert await empty_store.get(LEASES, equal("_id", APPLICATION)) is None
    assert not await process.is_busy(APPLICATION)
