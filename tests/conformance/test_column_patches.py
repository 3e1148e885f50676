"""Tests that columns kept current by patches equal columns that are loaded again, for every reader's version."""

import asyncio
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from okube_api.store.columnar.answer import aggregate_rows, select_rows
from okube_api.store.columnar.column_cache import ColumnCache
from okube_api.store.columnar.frame import Frame, build_frame
from okube_api.store.columnar.patches import RowPatch, merge_patches, patch_frame
from okube_api.store.conditions import EVERYTHING, Between, Condition, OneOf
from okube_api.store.errors import StoreError, UnsupportedByStore
from okube_api.store.plan_analysis import make_arrow_schema
from okube_api.store.plans import Aggregate, Count, Select, Sum
from okube_api.store.schema import ColumnType, Table

from tests.conformance.declared import AMOUNTS, STAYS
from tests.conformance.rows import TYPES, Row, count_rows, make_stays, replace_plain_rows, to_arrow

CHANGES = st.lists(
    st.tuples(
        st.lists(st.sampled_from(("place", "campaigns", "counts", "dwell_s", "active")), max_size=3, unique=True),
        st.integers(0, 10**6),  # seed of the keys
        st.integers(0, 10**6),  # seed of the rows
        st.integers(0, 12),  # number of rows
    ),
    min_size=1,
    max_size=6,
)


def make_change(change: tuple[list[str], int, int, int]) -> tuple[list[Row], list[Row]]:
    """Return the keys and the rows of a change."""
    columns, key_seed, row_seed, count = change
    keys = [{name: row[name] for name in ("part", *columns)} for row in make_stays(key_seed, range(3, 9), 6)]
    return keys, make_stays(row_seed, range(2, 11), count)


def build_patch(keys: Sequence[Row], rows: Sequence[Row]) -> RowPatch:
    schema = make_arrow_schema({name: TYPES[name] for name in keys[0]})
    return RowPatch.build(STAYS, pa.Table.from_pylist(list(keys), schema=schema), to_arrow(STAYS, rows))


def check_frame(frame: Frame, rows: Sequence[Row]) -> None:
    """Compare a frame with rows: all columns, their order by part, and groups, in which a value occurs once."""
    result = select_rows(Select(STAYS, EVERYTHING, tuple(TYPES)), frame)
    assert result["part"].to_pylist() == sorted(row["part"] for row in rows)
    assert count_rows(result.to_pylist()) == count_rows(rows)
    fresh = build_frame(to_arrow(STAYS, rows), TYPES)
    for key in ("place", "campaigns", "counts", "active", "dwell_s"):
        plan = Aggregate(STAYS, Between("part", 4, 9), (key,), (Sum("weight", "weight"), Count("n")))
        groups, expected = (aggregate_rows(plan, each).to_pylist() for each in (frame, fresh))
        assert count_rows(groups) == count_rows(expected)


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 40), CHANGES)
def test_patched_frames_equal_new_ones(count: int, changes: list[tuple[list[str], int, int, int]]) -> None:
    rows = make_stays(5, range(4, 8), count)
    frame = first_frame = build_frame(to_arrow(STAYS, rows), TYPES)
    patches = []
    for change in changes:
        keys, new_rows = make_change(change)
        patches.append(build_patch(keys, new_rows))
        frame = patch_frame(frame, patches[-1])
        rows = replace_plain_rows(rows, keys, new_rows)
        check_frame(frame, rows)
    merged_frame = first_frame
    for patch in merge_patches(patches):
        merged_frame = patch_frame(merged_frame, patch)
    check_frame(merged_frame, rows)


def test_merged_patches_are_few() -> None:
    changes = [make_change((["place"], seed, seed, 4)) for seed in range(20)]
    (merged,) = merge_patches([build_patch(keys, rows) for keys, rows in changes])
    assert merged.keys.num_rows <= 36  # six parts and six values of `place`
    assert merged.rows.num_rows < 80


def test_many_opaque_pieces_are_joined() -> None:
    rows = make_stays(1, range(30), 200)
    frame = build_frame(to_arrow(STAYS, rows), TYPES)
    for part in range(30):
        frame = patch_frame(frame, build_patch([{"part": part, "place": "a"}], []))
        rows = replace_plain_rows(rows, [{"part": part, "place": "a"}], [])
        assert frame["users"].to_arrow().num_chunks <= 32
    check_frame(frame, rows)


def test_new_numbers_may_need_more_bytes() -> None:
    rows = [row | {"weight": 1} for row in make_stays(3, range(4), 30)]
    wide_rows = [row | {"weight": 2**62 + at} for at, row in enumerate(make_stays(4, range(4), 5))]
    frame = patch_frame(build_frame(to_arrow(STAYS, rows), TYPES), build_patch([{"part": 2}], wide_rows))
    check_frame(frame, replace_plain_rows(rows, [{"part": 2}], wide_rows))


def test_numbers_beyond_64_bits_are_refused_in_a_column_of_64_bits() -> None:
    types = {"part": ColumnType.INTEGER, **{column.name: column.type for column in AMOUNTS.columns}}
    rows = [{"part": 1, "place": "a", "number": 1, "weight": 1, "wide": 5}]
    frame = build_frame(to_arrow(AMOUNTS, rows), types)
    keys = pa.table({"part": pa.array([1], pa.int64())})
    with pytest.raises(UnsupportedByStore):
        patch_frame(frame, RowPatch.build(AMOUNTS, keys, to_arrow(AMOUNTS, [rows[0] | {"wide": 2**70}])))


@pytest.mark.parametrize(
    ("keys", "columns"), [({"place": ["a"]}, ()), ({"part": [1]}, ("weight",))], ids=["no part", "incomplete rows"]
)
def test_incomplete_patches_are_refused(keys: dict[str, list[object]], columns: tuple[str, ...]) -> None:
    rows = to_arrow(STAYS, make_stays(1, range(3), 4)).drop_columns(list(columns))
    with pytest.raises(ValueError, match="lack"):
        RowPatch.build(STAYS, pa.table(keys), rows)


# -- in the cache

ROWS = Select(STAYS, EVERYTHING, ("part", "place", "users"))
WEIGHTS = Aggregate(STAYS, EVERYTHING, ("place",), (Sum("weight", "weight"), Count("n")))


class VersionedTable:
    """A table in plain Python whose old versions remain readable, as in snapshots; `loads` counts the loads of each."""

    def __init__(self, cache: ColumnCache, table: Table = STAYS) -> None:
        self.cache, self.table = cache, table
        self.rows = {0: make_stays(7, range(4, 8), 60)}
        self.loads = dict.fromkeys(range(1000), 0)
        self.version = 0

    def change(self, keys: Sequence[Row], new_rows: Sequence[Row], *, is_announced: bool = True) -> None:
        """Replace rows; patch the cache with the change when it is announced."""
        rows = replace_plain_rows(self.rows[self.version], keys, new_rows)
        self.rows[self.version + 1] = rows
        if is_announced:
            patch = build_patch(keys, new_rows)
            self.cache.patch("a", STAYS, self.version, self.version + 1, keys=patch.keys, rows=patch.rows)
        self.version += 1

    async def ask(self, plan: Aggregate | Select, version: int) -> bool:
        """Ask the cache as a reader of a version; check its answer, and return whether it has one."""

        async def load(table: Table, columns: tuple[str, ...]) -> pa.Table:
            await asyncio.sleep(0)
            self.loads[version] += 1
            return to_arrow(table, self.rows[version]).select(list(columns))

        result = await self.cache.answer(plan, "a", version, load, None)
        if result is not None:
            fresh = build_frame(to_arrow(STAYS, self.rows[version]), TYPES)
            evaluate = aggregate_rows(plan, fresh) if isinstance(plan, Aggregate) else select_rows(plan, fresh)
            assert count_rows(result.to_pylist()) == count_rows(evaluate.to_pylist())
        return result is not None


@pytest.fixture
async def versioned_table() -> VersionedTable:
    """Return a table whose first version is in the cache for both plans."""
    versioned_table = VersionedTable(ColumnCache())
    for plan in (ROWS, WEIGHTS):
        assert [await versioned_table.ask(plan, 0) for _ in range(2)] == [False, True]
    return versioned_table


@pytest.mark.anyio
@pytest.mark.parametrize("columns", [[], ["place"], ["place", "campaigns"]], ids=str)
async def test_announced_changes_need_no_load(versioned_table: VersionedTable, columns: list[str]) -> None:
    for seed in range(100):
        versioned_table.change(*make_change((columns, seed, seed, seed % 5)))
        if seed % 7 == 0:
            assert await versioned_table.ask(ROWS, versioned_table.version)
        if seed % 90 == 89:
            assert await versioned_table.ask(WEIGHTS, versioned_table.version)
    assert await versioned_table.ask(WEIGHTS, versioned_table.version)
    assert sum(versioned_table.loads.values()) == 2


@pytest.mark.anyio
async def test_readers_opened_before_a_change_see_what_was_there(versioned_table: VersionedTable) -> None:
    for seed in range(4):
        versioned_table.change(*make_change((["place"], seed, seed, 5)))
    assert await versioned_table.ask(ROWS, 2)
    assert await versioned_table.ask(ROWS, 0), "the version before the last patch is retained"
    assert await versioned_table.ask(ROWS, 4)
    assert await versioned_table.ask(ROWS, 2)
    assert not await versioned_table.ask(ROWS, 0), "an older version is left to the database"
    assert not await versioned_table.ask(ROWS, 3), "so is a version that was never asked for"
    assert await versioned_table.ask(ROWS, 4), "and the current one is not lost by it"
    assert sum(versioned_table.loads.values()) == 2


@pytest.mark.anyio
async def test_concurrent_readers_of_several_versions(versioned_table: VersionedTable) -> None:
    for seed in range(25):
        versioned_table.change(*make_change((["place"], seed, seed, 5)))
        versions = [versioned_table.version - back for back in (0, 1, 0, 2) if back <= versioned_table.version]
        asks = [versioned_table.ask(plan, version) for version in versions for plan in (ROWS, WEIGHTS)]
        answers = await asyncio.gather(*asks)
        assert answers[0]
    assert sum(versioned_table.loads.values()) == 2


@pytest.mark.anyio
async def test_large_frames_are_patched_in_a_thread(
    versioned_table: VersionedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("okube_api.store.columnar.column_cache._MAX_ROWS_ON_LOOP", 10)
    for seed in range(2):
        versioned_table.change(*make_change((["place"], seed, seed, 5)))
        asks = [versioned_table.ask(plan, versioned_table.version) for plan in (ROWS, WEIGHTS, ROWS)]
        later = versioned_table.version
        pending = asyncio.gather(*asks)
        await asyncio.sleep(0)
        for again in range(70):  # more than are kept without merging
            versioned_table.change(*make_change((["place"], again, again, 1)))
        assert all(await pending)
        assert versioned_table.version == later + 70
    assert sum(versioned_table.loads.values()) == 2


@pytest.mark.anyio
async def test_changes_while_columns_are_loaded() -> None:
    versioned_table = VersionedTable(ColumnCache())
    assert not await versioned_table.ask(ROWS, 0)
    loading = asyncio.create_task(versioned_table.ask(ROWS, 0))
    await asyncio.sleep(0)
    versioned_table.change(*make_change((["place"], 1, 1, 5)))
    assert not await versioned_table.ask(ROWS, 1)
    assert await loading
    assert await versioned_table.ask(ROWS, 1)
    assert sum(versioned_table.loads.values()) == 1


@pytest.mark.anyio
async def test_a_change_before_the_load_keeps_the_request() -> None:
    versioned_table = VersionedTable(ColumnCache())
    assert not await versioned_table.ask(ROWS, 0)
    versioned_table.change(*make_change((["place"], 1, 1, 5)))
    assert not await versioned_table.ask(ROWS, 0)
    assert await versioned_table.ask(ROWS, 1)


@pytest.mark.anyio
async def test_frames_of_another_version_are_dropped(versioned_table: VersionedTable) -> None:
    versioned_table.change(*make_change((["place"], 1, 1, 5)), is_announced=False)
    versioned_table.change(*make_change((["place"], 2, 2, 5)))
    assert [await versioned_table.ask(ROWS, 2) for _ in range(2)] == [False, True]
    assert versioned_table.loads[2] == 1


@pytest.mark.anyio
async def test_keys_that_are_not_in_memory_drop_the_frame(versioned_table: VersionedTable) -> None:
    versioned_table.change(*make_change((["dwell_s"], 1, 1, 5)))
    assert [await versioned_table.ask(ROWS, 1) for _ in range(2)] == [False, True]
    assert await versioned_table.ask(WEIGHTS, 1)
    assert versioned_table.loads[1] == 1


@pytest.mark.anyio
async def test_many_pending_rows_drop_the_frame(
    versioned_table: VersionedTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("okube_api.store.columnar.column_cache._MIN_PENDING_BYTES", 5000)
    for seed in range(30):
        versioned_table.change([{"part": 1000 + seed}], make_stays(seed, (1000 + seed,), 9))
    assert [await versioned_table.ask(ROWS, 30) for _ in range(2)] == [False, True]


@pytest.mark.anyio
async def test_a_failed_load_is_repeated() -> None:
    versioned_table = VersionedTable(ColumnCache())

    async def fail(table: Table, columns: tuple[str, ...]) -> pa.Table:
        raise StoreError

    for _ in range(2):
        assert await versioned_table.cache.answer(ROWS, "a", 0, fail, None) is None
    assert [await versioned_table.ask(ROWS, 0) for _ in range(2)] == [False, True]


@pytest.mark.anyio
async def test_memory_is_bounded_with_previous_versions() -> None:
    one_frame = build_frame(to_arrow(STAYS, make_stays(7, range(4, 8), 60)), TYPES).nbytes
    versioned_table = VersionedTable(ColumnCache(2 * one_frame + one_frame // 2))
    for plan in (ROWS, WEIGHTS):
        assert [await versioned_table.ask(plan, 0) for _ in range(2)] == [False, True]
    for seed in range(3):
        versioned_table.change(*make_change((["place"], seed, seed, 5)))
        assert await versioned_table.ask(ROWS, versioned_table.version)
        assert await versioned_table.ask(WEIGHTS, versioned_table.version)


@pytest.mark.anyio
@pytest.mark.parametrize(("where", "loaded"), [(EVERYTHING, {"a", "b"}), (OneOf("place", ("7",)), {"b"})])
async def test_memory_is_bounded_with_indexes(where: Condition, loaded: set[str]) -> None:
    rows = to_arrow(STAYS, [row | {"place": str(at)} for at, row in enumerate(make_stays(7, range(4, 8), 20_000))])

    async def load(table: Table, columns: tuple[str, ...]) -> pa.Table:
        return rows.select(list(columns))

    plan = Aggregate(STAYS, where, ("place",), (Sum("weight", "weight"),))
    cached = {name: column_type for name, column_type in TYPES.items() if name not in ("users", "ratio")}
    cache = ColumnCache(2 * build_frame(rows, cached).nbytes + 1000)
    for application in "ab":
        for _ in range(2):  # the second use loads, and indexes the places that the condition names
            await cache.answer(plan, application, 0, load, None)
    assert set(cache.list_loaded()) == loaded
