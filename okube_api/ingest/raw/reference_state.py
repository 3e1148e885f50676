"""What stands of events with natural keys: the panel, the areas, deliveries; of each key the latest batch's.

Panels are large: users are looked at some hundred thousand at a time.
"""

from collections.abc import AsyncIterator, Sequence

import numpy as np
import pyarrow as pa

from okube_api.catalogue.facts import PANELISTS
from okube_api.ingest.columns.columns import Span, integers
from okube_api.ingest.derive.panel_index import PanelIndex, index_panel
from okube_api.ingest.events import tables
from okube_api.ingest.events.kinds import KINDS, EventKind
from okube_api.ingest.raw.latest import find_changed_keys, find_latest_rows
from okube_api.ingest.raw.reader import BatchDelta, read_blocks
from okube_api.store.arrays import Ints
from okube_api.store.base import Change, Reader, Table
from okube_api.store.kinds import arrow_schema, stored_kinds

USERS_PER_BLOCK = 250_000
_WHOLE = (tables.UNDATED_PART, tables.UNDATED_PART)
_NOT_SAID = ["batch", "line"]


async def read_before_and_after(
    view: Reader, kind: EventKind, sides: BatchDelta, parts: Span
) -> AsyncIterator[tuple[pa.Table, pa.Table]]:
    """The events of a kind that count before, and those that count after a change; some keys at a time."""
    last = await _last_user(view, kind, sides, parts) if "user" in kind.natural_key else 0
    for low in range(0, last + 1, USERS_PER_BLOCK):
        found = await _of_users(view, kind, sides, parts, low)
        change = sides.row_changes(found)
        before, after = (_standing(found.filter(pa.array(side)), kind) for side in (change <= 0, change >= 0))
        yield before, after


async def count_changed_keys(view: Reader, kind: EventKind, sides: BatchDelta, parts: Span) -> int:
    """How many keys do not have the same before and after a change."""
    return sum(
        [
            find_changed_keys(*pair, kind.natural_key).num_rows
            async for pair in read_before_and_after(view, kind, sides, parts)
        ]
    )


async def write_panel(change: Change, delta: BatchDelta, *, force: bool = False) -> Ints:
    """Writes what is known of the panel; the users of whom it is not the same as before.

    whatever: also when the sides do not differ.
    """
    users: list[Ints] = [np.empty(0, np.int64)]
    standing = [_encoded(_none(tables.PANELISTS).drop_columns(_NOT_SAID))]
    async for before, after in read_before_and_after(change, KINDS["panelists"], delta, _WHOLE):
        users.append(integers(find_changed_keys(before, after, ("user",))["user"]))
        standing.append(after)
    found: Ints = np.concatenate(users)
    if len(found) or force:
        await change.replace(PANELISTS, [tables.UNDATED_PART], pa.concat_tables(standing))
    return found


async def find_changed_areas(view: Reader, sides: BatchDelta) -> Sequence[str]:
    """The codes of areas that are elsewhere than before, there for the first time, or no more."""
    found: list[str] = []
    async for pair in read_before_and_after(view, KINDS["areas"], sides, _WHOLE):
        before, after = (one.drop_columns(["name"]) for one in pair)
        found += find_changed_keys(before, after, ("code",))["code"].to_pylist()
    return found


async def read_panel(view: Reader, sides: BatchDelta) -> PanelIndex:
    """What is known of people and areas, as after a change."""
    areas = [after async for _, after in read_before_and_after(view, KINDS["areas"], sides, _WHOLE)]
    panel = [_encoded(block) async for block in view.read_parts(PANELISTS, *_WHOLE)]
    return index_panel(pa.concat_tables([_encoded(_none(PANELISTS)), *panel]), pa.concat_tables(areas))


# -- helpers --------------------------------------------------------------------------------------------------


async def _last_user(view: Reader, kind: EventKind, sides: BatchDelta, parts: Span) -> int:
    last = 0
    async for block in read_blocks(view, kind.table, *parts, sides.either_side):
        last = max(last, int(integers(block["user"]).max(initial=0)))
    return last


async def _of_users(view: Reader, kind: EventKind, sides: BatchDelta, parts: Span, low: int) -> pa.Table:
    """The events of some users, from a number on; all of them where the key is another."""
    found = [_encoded(_none(kind.table))]
    async for block in read_blocks(view, kind.table, *parts, sides.either_side):
        if "user" in kind.natural_key:
            user = integers(block["user"])
            block = block.filter(pa.array((user >= low) & (user < low + USERS_PER_BLOCK)))  # noqa: PLW2901
        found.append(_encoded(block))
    return pa.concat_tables(found).unify_dictionaries()


def _standing(rows: pa.Table, kind: EventKind) -> pa.Table:
    return rows.take(pa.array(find_latest_rows(rows, kind.natural_key))).drop_columns(_NOT_SAID)


def _none(table: Table) -> pa.Table:
    return arrow_schema(stored_kinds(table)).empty_table()


def _encoded(rows: pa.Table) -> pa.Table:
    """Texts as dictionaries: they repeat."""
    for place, field in enumerate(rows.schema):
        if pa.types.is_string(field.type):
            rows = rows.set_column(place, field.name, rows[field.name].dictionary_encode())
    return rows
