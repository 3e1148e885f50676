"""Refreshes the facts of an application in one change, incrementally: only on the days that the change affects.

Each operation (add, remove, rebuild, exclude, expire) is a tuple of steps, run in order; the steps are in `steps.py`.
"""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from okube_api.ingest.derive.geo_stays import PingUse
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.load.pseudonyms import DEVICE, USER
from okube_api.ingest.raw.reader import BatchDelta, read_live_batches
from okube_api.ingest.refresh import steps
from okube_api.ingest.refresh.context import Batch, DerivationContext
from okube_api.ingest.refresh.geo_days import PingCounts
from okube_api.ingest.refresh.steps import RefreshState
from okube_api.ingest.refresh.user_slice import UserSlice, find_users
from okube_api.store.protocol import Change
from okube_api.store.ranges import find_ranges

Step = Callable[[RefreshState], Awaitable[None]]

FIND_DAYS: tuple[Step, ...] = (
    steps.update_panel,
    steps.find_days_of_users,
    steps.find_days_of_areas,
    steps.find_days_of_batches,
)
WRITE_FACTS: tuple[Step, ...] = (
    steps.load_panel,
    steps.refresh_geo_stays,
    steps.refresh_presence,
    steps.refresh_conversion,
)
ADD = (
    steps.count_accepted,
    steps.choose_band_edges,
    steps.mark_first_rollups,
    *FIND_DAYS,
    *WRITE_FACTS,
    steps.write_ledger,
)
REMOVE = (steps.choose_band_edges, *FIND_DAYS, *WRITE_FACTS, steps.write_ledger)
REBUILD = (
    steps.renew_band_edges,
    steps.mark_rebuilt_rollups,
    steps.rewrite_panel,
    steps.find_all_days,
    *WRITE_FACTS,
)
EXCLUDE = (steps.choose_band_edges, steps.update_panel, steps.find_days_of_users, *WRITE_FACTS)
EXPIRE = (steps.choose_band_edges, steps.find_days_of_expired_events, *WRITE_FACTS, steps.delete_expired_events)


_PING_USES = {
    "unmatched": PingUse.UNMATCHED,
    "inaccurate": PingUse.INACCURATE,
    "moving": PingUse.MOVING,
    "jumps": PingUse.JUMP,
}


@dataclass(frozen=True, slots=True)
class BatchCounts:
    """Counts of a batch that was made to count.

    accepted: new events.  unmatched: pings that no place contains; inaccurate, moving: pings that are left out because
    of their accuracy or speed; all three with duplicates.  jumps: distinct pings that are left out as jumps.
    """

    accepted: int
    unmatched: int = 0
    inaccurate: int = 0
    moving: int = 0
    jumps: int = 0


class FactRefresh:
    """Changes the facts of an application within one change of its store."""

    def __init__(self, change: Change, context: DerivationContext, *, allows_slices: bool = True) -> None:
        """Set up a refresh.

        allows_slices: whether batches of few users may be refreshed by a slice of these users, with the same result.
        """
        self._change, self._context, self._allows_slices = change, context, allows_slices

    async def add(self, batches: Sequence[Batch], live: Mapping[int, str]) -> dict[int, BatchCounts]:
        """Make batches count; return the counts of each batch, by batch number.

        live: the kind of events of each batch that counts already, by batch number.
        """
        added = {batch.number: batch.kind for batch in batches}
        live = {**live, **added}
        await self._narrow(batches)
        state = self._start(live, BatchDelta(frozenset(live), added=frozenset(added)), batches)
        state.ping_counts = PingCounts(added)
        await _run(ADD, state)
        return {
            number: BatchCounts(
                state.accepted[number],
                **{name: state.ping_counts.count(number, use) for name, use in _PING_USES.items()},
            )
            for number in added
        }

    async def remove(self, batches: Sequence[Batch]) -> None:
        """Remove batches from the ledger and the facts, and delete their events."""
        live = await read_live_batches(self._change)
        removed = [batch for batch in batches if live.pop(batch.number, None) is not None]
        if removed:
            numbers = frozenset(batch.number for batch in removed)
            await self._narrow(removed)
            await _run(REMOVE, self._start(live, BatchDelta(frozenset(live), removed=numbers), removed))
        for batch in batches:
            await self._change.remove(KINDS[batch.kind].table, batch.number)

    async def rebuild(self, kinds: Collection[str]) -> None:
        """Write all days of the facts that are derived from events of these kinds."""
        live = await read_live_batches(self._change)
        state = self._start(live, BatchDelta(frozenset(live)))
        state.kinds = frozenset(kinds)
        await _run(REBUILD, state)

    async def exclude(self, numbers: Mapping[str, int], days: Mapping[str, Collection[int]]) -> None:
        """Refresh the facts as if a user and a device had never been seen; their events are deleted afterwards.

        numbers: the user number (key USER), the device number (key DEVICE), or both.
        days: the parts with events of the user or the device, by kind.
        """
        live = await read_live_batches(self._change)
        delta = BatchDelta(frozenset(live), excluded_user=numbers.get(USER), excluded_device=numbers.get(DEVICE))
        state = self._start(live, delta)
        state.kinds = frozenset(days)
        dated = {kind: parts for kind, parts in days.items() if KINDS[kind].time_field is not None}
        state.changed_days = {kind: find_ranges(parts) for kind, parts in dated.items()}
        await _run(EXCLUDE, state)

    async def expire(self, oldest_day: int) -> None:
        """Delete the events of UTC days before `oldest_day` and refresh the facts, as if they had never been sent."""
        live = await read_live_batches(self._change)
        await _run(EXPIRE, self._start(live, BatchDelta(frozenset(live), oldest_day=oldest_day)))

    async def _narrow(self, batches: Sequence[Batch]) -> None:
        """Restrict the refresh to the users of batches if these are few, and if all their events have users."""
        if self._allows_slices and (users := await find_users(self._change, batches)) is not None:
            self._change = UserSlice(self._change, *users)

    def _start(self, live: Mapping[int, str], delta: BatchDelta, batches: Sequence[Batch] = ()) -> RefreshState:
        kinds = frozenset(batch.kind for batch in batches)
        delta = replace(delta, kinds=kinds.union(live.values()))
        return RefreshState(self._change, self._context, delta, live, batches=batches, kinds=kinds)


async def _run(stages: Sequence[Step], state: RefreshState) -> None:
    for step in stages:
        await step(state)
