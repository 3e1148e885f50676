"""Current state of events with natural keys (the panel, areas, deliveries): the row of the latest batch wins.

Panels are large, so events with a user are compared for one range of user numbers at a time.
"""

from collections.abc import AsyncIterator, Sequence

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import PANELISTS
from okube_api.ingest.columns.columns import DayRange, to_integers
from okube_api.ingest.derive.latest import find_changed_keys, find_latest_rows
from okube_api.ingest.derive.panel_index import PanelIndex, index_panel
from okube_api.ingest.events import tables
from okube_api.ingest.events.kinds import KINDS, EventKind
from okube_api.ingest.raw.reader import BatchDelta, encode_texts, make_empty_rows, read_blocks
from okube_api.store.arrays import Ints
from okube_api.store.conditions import OneOf
from okube_api.store.protocol import Change, Reader

USERS_PER_BLOCK = 250_000
_UNDATED = (tables.UNDATED_PART, tables.UNDATED_PART)
_NOT_STATE = ["batch", "line"]  # columns that say where a row comes from


async def read_before_and_after(
    view: Reader, kind: EventKind, delta: BatchDelta, parts: DayRange
) -> AsyncIterator[tuple[pa.Table, pa.Table]]:
    """Yield the current rows of a kind before and after a change, one range of keys at a time, in order of the keys."""
    last_user = await _find_last_user(view, kind, delta, parts) if "user" in kind.natural_key else 0
    for low in range(0, last_user + 1, USERS_PER_BLOCK):
        rows = await _read_users(view, kind, delta, parts, low)
        changes = delta.find_row_changes(rows)
        before, after = (_select_current(rows.filter(pa.array(side)), kind) for side in (changes <= 0, changes >= 0))
        yield before, after


async def count_changed_keys(view: Reader, kind: EventKind, delta: BatchDelta, parts: DayRange) -> int:
    """Return for how many keys a change adds, replaces or removes the current row."""
    pairs = read_before_and_after(view, kind, delta, parts)
    return sum([find_changed_keys(*pair, kind.natural_key).num_rows async for pair in pairs])


async def write_panel(change: Change, delta: BatchDelta, *, force: bool = False) -> Ints:
    """Write the panel as it is after a change, and return the users whose record the change alters.

    force: write the panel even if no record changes.
    """
    changed_users: list[Ints] = [np.empty(0, np.int64)]
    panel = [make_empty_rows(tables.PANELISTS).drop_columns(_NOT_STATE)]
    async for before, after in read_before_and_after(change, KINDS["panelists"], delta, _UNDATED):
        changed_users.append(to_integers(find_changed_keys(before, after, ("user",))["user"]))
        panel.append(after)
    users: Ints = np.concatenate(changed_users)
    if len(users) or force:
        await change.replace(PANELISTS, [tables.UNDATED_PART], pa.concat_tables(panel))
    return users


async def find_changed_areas(view: Reader, delta: BatchDelta) -> Sequence[str]:
    """Return the codes of areas that a change adds, moves or removes."""
    area_codes: list[str] = []
    async for pair in read_before_and_after(view, KINDS["areas"], delta, _UNDATED):
        before, after = (areas.drop_columns(["name", "geometry"]) for areas in pair)
        area_codes += find_changed_keys(before, after, ("code",))["code"].to_pylist()
    return area_codes


async def read_panel(view: Reader, delta: BatchDelta) -> PanelIndex:
    """Return the index of the stored panel, with the coordinates of areas as they are after a change."""
    areas = [after async for _, after in read_before_and_after(view, KINDS["areas"], delta, _UNDATED)]
    panel = [encode_texts(block) async for block in view.read_parts(PANELISTS, *_UNDATED)]
    return index_panel(pa.concat_tables([make_empty_rows(PANELISTS), *panel]), pa.concat_tables(areas))


async def read_panelists(view: Reader, delta: BatchDelta) -> PanelIndex:
    """Return the index of the panelists of a slice, which are few, with the coordinates of their areas."""
    panel = []
    if delta.list_batches(KINDS["panelists"]):
        panel = [encode_texts(block) async for block in view.read_parts(PANELISTS, *_UNDATED)]
    panelists = pa.concat_tables([make_empty_rows(PANELISTS), *panel])
    codes = {code for name in ("home", "work") for code in panelists[name].unique().to_pylist() if code is not None}
    kind = KINDS["areas"]
    of_codes = OneOf("code", tuple(sorted(codes)))
    batches = delta.list_batches(kind) if codes else ()
    blocks = [block async for block in read_blocks(view, kind.table, *_UNDATED, batches, where=of_codes)]
    rows = pa.concat_tables([make_empty_rows(kind.table), *map(encode_texts, blocks)]).unify_dictionaries()
    counts_after = rows.filter(pa.array(delta.find_row_changes(rows) >= 0))
    return index_panel(panelists, _select_current(counts_after, kind), is_sparse=True)


# -- helpers --------------------------------------------------------------------------------------------------


async def _find_last_user(view: Reader, kind: EventKind, delta: BatchDelta, parts: DayRange) -> int:
    last_user = 0
    async for block in read_blocks(view, kind.table, *parts, delta.list_batches(kind)):
        last_user = max(last_user, int(to_integers(block["user"]).max(initial=0)))
    return last_user


async def _read_users(view: Reader, kind: EventKind, delta: BatchDelta, parts: DayRange, low: int) -> pa.Table:
    """Return the events of `USERS_PER_BLOCK` users from number `low` on; all events where the key has no user."""
    events = [make_empty_rows(kind.table)]
    async for block in read_blocks(view, kind.table, *parts, delta.list_batches(kind)):
        if "user" in kind.natural_key:
            user = to_integers(block["user"])
            block = block.filter(pa.array((user >= low) & (user < low + USERS_PER_BLOCK)))  # noqa: PLW2901
        events.append(encode_texts(block))
    return pa.concat_tables(events).unify_dictionaries()


def _select_current(rows: pa.Table, kind: EventKind) -> pa.Table:
    return rows.take(pa.array(find_latest_rows(rows, kind.natural_key))).drop_columns(_NOT_STATE)
