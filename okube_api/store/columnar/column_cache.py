"""Cache of table columns in memory, for plans that repeat while a table does not change, or changes by patches."""

import asyncio
from collections import OrderedDict, defaultdict, deque
from collections.abc import Awaitable, Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial, reduce

import pyarrow as pa

from okube_api.store.columnar.answer import aggregate_rows, select_rows
from okube_api.store.columnar.frame import Frame, build_frame
from okube_api.store.columnar.patches import RowPatch, merge_patches, patch_frame
from okube_api.store.errors import StoreError, UnsupportedByStore
from okube_api.store.plan_analysis import collect_fields, infer_source_types, resolve_source
from okube_api.store.plans import Aggregate, Select
from okube_api.store.schema import ColumnType, Table
from okube_api.threads import run_in_thread

MAX_ROWS = 2_000_000
_MAX_ENTRIES = 5000
_MAX_ROWS_ON_LOOP = 250_000
"""A larger frame is evaluated in a thread, so that it does not block the event loop."""
_MAX_PENDING_PATCHES = 64
"""With more, the patches of an entry are merged, so that those of a table that nobody asks for stay few."""
_MIN_PENDING_BYTES = 2**20
_KEPT_VERSIONS = 64
_UNCACHED_TYPES = (ColumnType.BYTES, ColumnType.NUMBER)
_TEXT_TYPES = (ColumnType.TEXT, ColumnType.TEXTS)

Load = Callable[[Table, tuple[str, ...]], Awaitable[pa.Table | None]]
"""Reads columns of every row of a table; None when it has more than `MAX_ROWS`."""

_TableKey = tuple[str, str]
"""An application and the name of a table."""
_EntryKey = tuple[_TableKey, frozenset[str]]


@dataclass(eq=False)
class _Entry:
    """The frame of some columns of a table.

    version: of `frame`, or of the table before it is loaded.
    pending: later changes, oldest first, each with the version that it leads to.
    previous: the version and frame before the last patch, for readers that were opened before it.
    past: the last versions that `frame` had before.
    counted_bytes: the size that the cache counts.
    """

    version: Hashable
    is_requested: bool = False  # loaded on the second request: most plans run only once between two changes
    is_loading: bool = False
    is_too_large: bool = False
    frame: Frame | None = None
    pending: list[tuple[Hashable, RowPatch]] = field(default_factory=list)
    previous: tuple[Hashable, Frame] | None = None
    past: deque[Hashable] = field(default_factory=lambda: deque(maxlen=_KEPT_VERSIONS))
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    counted_bytes: int = 0

    @property
    def latest(self) -> Hashable:
        """The version after all pending changes."""
        return self.pending[-1][0] if self.pending else self.version

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        frames = (self.frame, self.previous[1] if self.previous is not None else None)
        return sum(frame.nbytes for frame in frames if frame is not None)

    def is_pending(self, version: Hashable) -> bool:
        """Return whether a pending change leads to this version."""
        return any(version == after for after, _ in self.pending)

    def is_known(self, version: Hashable) -> bool:
        """Return whether this is or was the version of the entry, or becomes it by a pending change."""
        return version == self.version or version in self.past or self.is_pending(version)

    def add_patch(self, version: Hashable, patch: RowPatch) -> bool:
        """Add a change that leads to a version; return False when the entry should rather be loaded again."""
        if self.frame is None and not self.is_loading:
            self.past.append(self.version)
            self.version = version
            return True
        self.pending.append((version, patch))
        if len(self.pending) > _MAX_PENDING_PATCHES and not self.lock.locked():
            self._merge_pending()
        limit = max(_MIN_PENDING_BYTES, 0 if self.frame is None else self.frame.nbytes // 4)
        return sum(each.nbytes for _, each in self.pending) <= limit

    def _merge_pending(self) -> None:
        """Replace the pending changes by fewer with the same effect; the versions between them become past."""
        version = self.latest
        self.past.extend(after for after, _ in self.pending[:-1])
        merged = merge_patches([patch for _, patch in self.pending])
        self.pending = [(object(), patch) for patch in merged[:-1]] + [(version, merged[-1])]

    async def get_frame(self, version: Hashable) -> Frame | None:
        """Return the frame of a version, after the changes that lead to it; None when it is no longer there.

        Raise UnsupportedByStore when a change cannot be applied.
        """
        if self.is_pending(version):
            async with self.lock:
                if self.is_pending(version):
                    await self._apply_patches(version)
        if version == self.version:
            return self.frame
        return self.previous[1] if self.previous is not None and version == self.previous[0] else None

    async def _apply_patches(self, version: Hashable) -> None:
        """Apply the pending changes up to a version."""
        assert self.frame is not None
        versions = [after for after, _ in self.pending]
        count = versions.index(version) + 1
        patches = merge_patches([patch for _, patch in self.pending[:count]])
        patch_all = partial(reduce, patch_frame, patches, self.frame)
        new_frame = patch_all() if self.frame.rows <= _MAX_ROWS_ON_LOOP else await asyncio.to_thread(patch_all)
        self.past.extend((self.version, *versions[: count - 1]))
        self.previous, self.version, self.frame = (self.version, self.frame), version, new_frame
        del self.pending[:count]


class ColumnCache:
    """Frames of tables, by application, each of one version; the least recently used are dropped beyond `max_bytes`."""

    def __init__(self, max_bytes: int = 256 * 2**20) -> None:
        self._max_bytes = max_bytes
        self._entries: OrderedDict[_EntryKey, _Entry] = OrderedDict()
        self._columns: defaultdict[_TableKey, set[frozenset[str]]] = defaultdict(set)
        self._bytes = 0  # of all entries, as far as they have been counted
        self._uncounted: set[_EntryKey] = set()  # whose size may have changed: a use may index a column

    async def answer(
        self, plan: Aggregate | Select, application: str, version: Hashable, load: Load, row_limit: int | None
    ) -> pa.Table | None:
        """Return a plan's result, or None when the database has to compute it.  Raise TooManyRows.

        version: of the table, as the reader sees it; it changes whenever the table's rows do.
        """
        table, where = resolve_source(plan)
        types = infer_source_types(table)
        if isinstance(plan, Select):  # sets are large: only the columns of the plan, and those that patches may need
            texts = (name for name, column_type in types.items() if column_type in _TEXT_TYPES)
            has_sets = any(types.get(name) is ColumnType.BYTES for name in plan.columns)
            names = frozenset(("part", *plan.columns, *collect_fields(where), *(texts if has_sets else ())))
        else:
            names = frozenset(name for name, column_type in types.items() if column_type not in _UNCACHED_TYPES)
        key = ((application, table.name), names)
        frame = await self._get_frame(key, table, version, load)
        if frame is None:
            return None
        try:
            if frame.rows <= _MAX_ROWS_ON_LOOP:
                return _evaluate_plan(plan, frame, row_limit)
            return await run_in_thread(partial(_evaluate_plan, plan, frame, row_limit))
        except UnsupportedByStore:
            return None
        finally:
            self._uncounted.add(key)

    async def load_ahead(
        self, table: Table, columns: Iterable[str], application: str, version: Hashable, load: Load
    ) -> None:
        """Load columns of a table before a plan asks for them."""
        key = ((application, table.name), frozenset(columns))
        entry = self._find_entry(key, version)
        if entry.frame is None and not entry.is_loading and not entry.is_too_large and version == entry.version:
            entry.is_requested = True
            await self._load_entry(key, entry, table, load)

    def list_loaded(self) -> dict[str, list[tuple[str, tuple[str, ...]]]]:
        """Return the tables and columns in memory by application, the least recently used first."""
        loaded: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
        for ((application, table), names), entry in self._entries.items():
            if entry.frame is not None:
                loaded.setdefault(application, []).append((table, tuple(sorted(names))))
        return loaded

    def patch(
        self,
        application: str,
        table: Table,
        old_version: Hashable,
        new_version: Hashable,
        *,
        keys: pa.Table,
        rows: pa.Table,
    ) -> None:
        """Bring the frames of a table from one version to the next, instead of loading them again.

        The rows that agree with a row of `keys` in all columns of `keys` are replaced by `rows`.  This only stores the
        change: it is applied when a reader of `new_version` asks next.  Frames of another version than `old_version`
        are dropped.  Call it in the same step of the event loop in which `new_version` becomes visible.

        keys: `part` and other columns of the table, such as its dimensions.
        rows: with `part` and every column of the table; there may be none.
        """
        table_key = (application, table.name)
        entries = {(table_key, names): self._entries[table_key, names] for names in self._columns.get(table_key, ())}
        if not entries:
            return
        patch = RowPatch.build(table, keys, rows)
        for key, entry in entries.items():
            is_patchable = entry.latest == old_version and key[1].issuperset(keys.column_names)
            if not is_patchable or not entry.add_patch(new_version, patch):
                self._drop(key, entry)

    def forget(self, application: str) -> None:
        """Drop everything of an application."""
        for key in [key for key in self._entries if key[0][0] == application]:
            self._forget(key)

    async def _get_frame(self, key: _EntryKey, table: Table, version: Hashable, load: Load) -> Frame | None:
        entry = self._find_entry(key, version)
        if entry.frame is not None:
            is_patched = entry.is_pending(version)
            try:
                frame = await entry.get_frame(version)
            except UnsupportedByStore:
                self._drop(key, entry)
                return None
            if is_patched:
                self._evict(key)
            return frame
        if version != entry.version or entry.is_loading or entry.is_too_large:
            return None
        if not entry.is_requested:
            entry.is_requested = True
            return None
        return await self._load_entry(key, entry, table, load)

    def _find_entry(self, key: _EntryKey, version: Hashable) -> _Entry:
        """Return the entry of a version, a new one if there is none."""
        entry = self._entries.get(key)
        if entry is None or not entry.is_known(version):
            if entry is not None:
                self._forget(key)
            entry = self._entries[key] = _Entry(version)
            self._columns[key[0]].add(key[1])
        self._entries.move_to_end(key)
        return entry

    async def _load_entry(self, key: _EntryKey, entry: _Entry, table: Table, load: Load) -> Frame | None:
        types = {name: column_type for name, column_type in infer_source_types(table).items() if name in key[1]}
        entry.is_loading = True
        try:
            entry.frame = await self._load_frame(table, types, load)
        except StoreError:  # the plan itself may still succeed
            self._drop(key, entry)
            return None
        finally:
            entry.is_loading = False
        frame = entry.frame
        if frame is None:
            entry.is_too_large, entry.version = True, entry.latest
            entry.pending.clear()
        self._evict(key)
        return frame

    async def _load_frame(self, table: Table, types: Mapping[str, ColumnType], load: Load) -> Frame | None:
        rows = await load(table, tuple(types))
        if rows is None or rows.nbytes > 4 * self._max_bytes:
            return None
        frame = await asyncio.to_thread(build_frame, rows, types)
        return frame if frame.nbytes <= self._max_bytes // 2 else None

    def _drop(self, key: _EntryKey, entry: _Entry) -> None:
        if self._entries.get(key) is entry:
            self._forget(key)

    def _forget(self, key: _EntryKey) -> None:
        self._bytes -= self._entries.pop(key).counted_bytes
        table_key, names = key
        self._columns[table_key].discard(names)
        if not self._columns[table_key]:
            del self._columns[table_key]

    def _evict(self, changed: _EntryKey) -> None:
        """Drop what exceeds the limits, now that an entry has changed."""
        for key in self._uncounted | {changed}:
            if (entry := self._entries.get(key)) is not None:
                self._count(entry)
        self._uncounted.clear()
        if self._bytes > self._max_bytes:
            for entry in self._entries.values():
                if entry.previous is not None:
                    entry.previous = None
                    self._count(entry)
        while self._entries and (self._bytes > self._max_bytes or len(self._entries) > _MAX_ENTRIES):
            self._forget(next(iter(self._entries)))

    def _count(self, entry: _Entry) -> None:
        size = entry.nbytes
        self._bytes += size - entry.counted_bytes
        entry.counted_bytes = size


def _evaluate_plan(plan: Aggregate | Select, frame: Frame, row_limit: int | None) -> pa.Table:
    return select_rows(plan, frame, row_limit) if isinstance(plan, Select) else aggregate_rows(plan, frame, row_limit)
