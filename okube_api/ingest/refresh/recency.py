"""Days of a fact of stays written in one change, with their marks, and later days whose marks depended on them.

Marks look back: the days since someone was last at a spot, whether it is the first time in twelve months there, or at
all.  So what happens on a day decides the marks of the same user's next day, too, wherever in time that is.
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.buckets import bucket_numbers
from okube_api.catalogue.facts import Fact
from okube_api.ingest.columns.columns import sort_order, to_codes, to_integers
from okube_api.ingest.columns.sort_codes import fill_nulls, to_sort_codes
from okube_api.ingest.derive.recency import NEVER_SEEN, LastSeen, find_last_seen, find_visitor_days, update_last_seen
from okube_api.ingest.refresh.fact_writer import BufferedFactWriter
from okube_api.store.arrays import Flags, Ints
from okube_api.store.conditions import Between, Condition, OneOf, equal
from okube_api.store.plans import Aggregate, Max, Select
from okube_api.store.protocol import Change

_FEW_USERS, _SLICE_USERS = 2000, 500_000
_DAY_BITS = 20
_NONE = np.empty(0, np.int64)
_UNKNOWN_BAND = -1

Marks = Mapping[str, pa.Array]


@dataclass(frozen=True, slots=True, eq=False)
class RecencyKeys:
    """Where one can be new.

    columns: of the fact, by which a spot is known, with the values that each may have, sorted; rows with others are
    of places that are no more.  everywhere: whether each spot counts for being new to the application, one element a
    spot, in the order of the columns' values.  by_stay: rows of one stay, whose first has rank 1, are new together.
    """

    columns: Mapping[str, Sequence[str]]
    everywhere: Flags
    by_stay: bool = False

    def of(self, rows: pa.Table) -> tuple[Ints, Ints]:
        """The numbers of the rows that are of a spot, and of their spots."""
        spot, known = np.zeros(rows.num_rows, np.int64), np.ones(rows.num_rows, np.bool_)
        for name, values in self.columns.items():
            found = to_codes(rows[name], values)
            known &= found >= 0
            spot = spot * len(values) + found
        at = np.flatnonzero(known)
        return at, spot[at]

    def key(self, user: Ints, spot: Ints) -> Ints:
        """A user and a spot as one number."""
        return user * max(len(self.everywhere), 1) + spot

    def spot(self, keys: Ints) -> Ints:
        """The spot of a key."""
        return keys % max(len(self.everywhere), 1)

    def user(self, keys: Ints) -> Ints:
        """The user of a key."""
        return keys // max(len(self.everywhere), 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Stays:
    """Columns of rows at known spots; row: their numbers among all; stay: rows with the same one are new together."""

    row: Ints
    user: Ints
    spot: Ints
    start: Ints
    dwell_s: Ints
    day: Ints
    stay: Ints

    @property
    def order(self) -> Ints:
        """The permutation in which rows are kept."""
        return sort_order(self.day, self.spot, self.user, self.start, self.dwell_s)

    def take(self, at: Ints) -> "_Stays":
        return _Stays(*(column[at] for column in self._columns))

    def with_(self, others: "_Stays") -> "_Stays":
        """Both, these first; a stay of one is none of the other."""
        stay = -1 - others.stay
        pairs = zip(self._columns, (*others._columns[:-1], stay), strict=True)
        return _Stays(*(np.concatenate(pair) for pair in pairs))

    @property
    def _columns(self) -> tuple[Ints, ...]:
        return (self.row, self.user, self.spot, self.start, self.dwell_s, self.day, self.stay)


@dataclass(frozen=True, slots=True, eq=False)
class _Before:
    """When users were last seen before some day: at each spot, and anywhere."""

    here: LastSeen
    anywhere: LastSeen


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """The visitor-days of some stays: distinct keys and days, packed, ascending; at each spot, and anywhere."""

    here: Ints
    anywhere: Ints


def _no_stays() -> _Stays:
    return _Stays(*(_NONE,) * 7)


def _stays(rows: pa.Table, spots: RecencyKeys) -> _Stays:
    at, spot = spots.of(rows)
    user, start, dwell_s, day = (to_integers(rows[name])[at] for name in ("user", "start", "dwell_s", "day"))
    stay = np.arange(len(at))
    if spots.by_stay and len(at):
        site, rank = to_sort_codes(rows["site"])[at], to_integers(rows["rank"])[at]
        by = sort_order(user, site, start, rank)
        stay[by] = np.cumsum(rank[by] == 1)
    return _Stays(at, user, spot, start, dwell_s, day, stay)


class RecencyWriter:
    """Writes days; `finish` then sets right what follows from them.

    gap_edges: lower edges of the bands of days between visits, for facts that carry these.
    """

    def __init__(self, change: Change, fact: Fact, spots: RecencyKeys, gap_edges: Sequence[int] | None = None) -> None:
        self._change, self._spots, self._gap_edges = change, spots, gap_edges
        self._table = fact.table
        self._facts = BufferedFactWriter(change, fact)
        self._marks = tuple(name for name in _MARKS if name in {column.name for column in fact.columns})
        self._stored: set[int] | None = None
        self._written: set[int] = set()
        self._own = _Before(NEVER_SEEN, NEVER_SEEN)  # when users were last seen on the days written
        self._moved: list[Ints] = []  # visitor-days that are there on one side of the change only: key and day

    async def write(self, days: Ints, rows: pa.Table) -> None:
        """Makes rows (the fact's columns but the marks, and `day`) all that these days have; days come ascending."""
        if len(days) == 0:
            return
        stays = await asyncio.to_thread(_stays, rows, self._spots)
        before = await self._before_write(int(days[0]), stays)
        between = await self._between(days, stays)
        old = await self._visitor_days(days)
        made, seen = await asyncio.to_thread(self._made, rows, stays, between, before)
        await self._facts.replace(days.tolist(), made)
        self._written |= set(days.tolist())
        if max(await self.days(), default=0) > days[0]:  # else no later day can depend on these
            self._moved.append(np.setxor1d(old, seen.here) if len(old) else seen.here)
        self._own = await asyncio.to_thread(self._after, seen)

    async def finish(self) -> None:
        """Marks later days anew, as far as their marks depended on the days written, and sums the months."""
        moved = np.concatenate([_NONE, *self._moved])
        if len(moved) and any(day not in self._written and day > _first(moved) for day in await self.days()):
            await self._mark_later(moved)
        await self._facts.finish()

    async def days(self) -> set[int]:
        """The days that had rows before the change."""
        if self._stored is None:
            self._stored = set(await self._change.list_parts(self._table))
        return self._stored

    def _made(self, rows: pa.Table, stays: _Stays, between: _Stays, before: _Before) -> tuple[pa.Table, _Seen]:
        by = stays.order
        marks, seen = self._marked(stays.with_(between), before, len(stays.row))
        kept = rows.take(pa.array(stays.row[by]))
        for name in self._marks:
            kept = kept.append_column(name, marks[name].take(pa.array(by)))
        return kept, seen

    def _marked(self, stays: _Stays, before: _Before, first: int) -> tuple[Marks, _Seen]:
        """The marks of stays, which are all of their users' from some day on; and the days of the first so many."""
        size = len(stays.row)
        visitor_day, new_place, new_application, gap = (np.zeros(size, np.int64) for _ in range(4))
        key = self._spots.key(stays.user, stays.spot)
        here = find_visitor_days(key, stays.day, (stays.start, stays.dwell_s), before.here)
        visitor_day[here.row] = 1
        new_place[here.row] = here.is_new
        gap[here.row] = np.where(here.previous_day > 0, here.gap_d, 0)
        some = np.flatnonzero(self._spots.everywhere[stays.spot])
        anywhere = find_visitor_days(
            stays.user[some],
            stays.day[some],
            (stays.start[some], stays.spot[some], stays.dwell_s[some]),
            before.anywhere,
        )
        new = stays.stay[some[anywhere.row[anywhere.is_new]]]
        new_application[np.isin(stays.stay, new)] = 1
        marks = {"visitor_day": visitor_day, "new_place": new_place, "new_application": new_application}
        found = {name: pa.array(values) for name, values in marks.items()}
        if self._gap_edges is not None:
            found["gap_d"] = pa.array(gap, mask=gap == 0)
            found["gap_band"] = pa.array(np.where(gap == 0, _UNKNOWN_BAND, find_bands(gap, self._gap_edges)))
        seen = _Seen(
            *(
                _packed(one.key, one.day)[mine]
                for one, mine in ((here, here.row < first), (anywhere, some[anywhere.row] < first))
            )
        )
        return found, seen

    # -- what is stored

    async def _between(self, days: Ints, stays: _Stays) -> _Stays:
        """The first stays of the same users on other days that have rows and lie between these days."""
        first, last = int(days[0]), int(days[-1])
        others = {day for day in await self.days() if first < day < last} - set(days.tolist())
        columns = (*self._spots.columns, "user", "start", "dwell_s", "day")
        if not others or len(stays.row) == 0:
            return _no_stays()
        users = np.unique(stays.user)
        where = Between("part", min(others), max(others)) & equal("visitor_day", 1)
        parts = [await self._change.select(Select(self._table, where & some, columns)) for some in _among(users)]
        found = pa.concat_tables(parts)
        found = found.filter(pa.array(np.isin(to_integers(found["day"]), sorted(others))))
        return _stays(found, replace(self._spots, by_stay=False))

    async def _before_write(self, day: int, stays: _Stays) -> _Before:
        """When the users of stays were last seen before the next of the days to be written, which come ascending."""
        if all(stored in self._written for stored in await self.days() if stored < day):
            return self._own
        return await self._before(day, np.unique(stays.user))

    def _after(self, seen: _Seen) -> _Before:
        """When users were last seen, the days just written included."""
        pairs = ((self._own.here, seen.here), (self._own.anywhere, seen.anywhere))
        return _Before(*(update_last_seen(known, _keys(new), _days(new)) for known, new in pairs))

    async def _before(self, day: int, users: Ints) -> _Before:
        """When users were last seen before a day."""
        if len(users) == 0 or not any(stored < day for stored in await self.days() | self._written):
            return _Before(NEVER_SEEN, NEVER_SEEN)
        await self._facts.flush()
        keys, days = [_NONE], [_NONE]
        for some in _among(users):
            where = Between("part", None, day - 1) & equal("visitor_day", 1) & some
            plan = Aggregate(self._table, where, (*self._spots.columns, "user"), (Max("day", "day"),))
            found = await self._change.aggregate(plan)
            at, spot = self._spots.of(found)
            keys.append(self._spots.key(to_integers(found["user"])[at], spot))
            days.append(to_integers(found["day"])[at])
        return self._last(np.concatenate(keys), np.concatenate(days))

    def _last(self, keys: Ints, days: Ints) -> _Before:
        inside = self._spots.everywhere[self._spots.spot(keys)] if len(keys) else np.empty(0, np.bool_)
        return _Before(find_last_seen(keys, days), find_last_seen(self._spots.user(keys[inside]), days[inside]))

    async def _visitor_days(self, days: Ints) -> Ints:
        """The visitor-days that the change found on these days."""
        known = tuple(sorted(await self.days() & set(days.tolist())))
        if not known:
            return _NONE
        where = OneOf("part", known) & equal("visitor_day", 1)
        found = await self._change.select(Select(self._table, where, (*self._spots.columns, "user", "day")))
        at, spot = self._spots.of(found)
        return np.unique(_packed(self._spots.key(to_integers(found["user"])[at], spot), to_integers(found["day"])[at]))

    # -- later days

    async def _mark_later(self, moved: Ints) -> None:
        """Goes through the later days, a month at a time, until every moved visitor-day has met the one after it."""
        await self._facts.flush()
        days = sorted(day for day in await self.days() | self._written if day > _first(moved))
        for month in _months(days):
            if len(moved) == 0:
                return
            users = np.unique(self._spots.user(_keys(moved)))
            stays, marks, differs = await self._marks_of(month, users)
            again = sorted(set(stays.day[differs].tolist()) - self._written)
            if again:
                of_days = pa.array(np.flatnonzero(np.isin(stays.day, again)))
                await self._mark_again(again, users, {name: column.take(of_days) for name, column in marks.items()})
            moved = moved[~self._met(moved, stays)]

    async def _marks_of(self, month: list[int], users: Ints) -> tuple[_Stays, Marks, Flags]:
        """The stays of users in these days, in order, their marks as they should be, and where others are stored."""
        told = ("site", "rank") if self._spots.by_stay else ()
        columns = dict.fromkeys((*self._spots.columns, *told, "user", "start", "dwell_s", "day", *self._marks))
        between = Between("part", month[0], month[-1])
        parts = [
            await self._change.select(Select(self._table, between & some, tuple(columns))) for some in _among(users)
        ]
        rows = pa.concat_tables(parts)
        stays = _stays(rows, self._spots)
        stays = stays.take(np.flatnonzero(np.isin(stays.user, users)))
        stays = stays.take(stays.order)
        marks, _ = self._marked(stays, await self._before(month[0], users), 0)
        return stays, marks, _put(rows, stays.row, marks)[1]

    async def _mark_again(self, days: list[int], users: Ints, marks: Marks) -> None:
        """Writes the rows of days with other marks on those of some users (in order)."""
        blocks = [block async for block in self._change.read_parts(self._table, days[0], days[-1])]
        rows = pa.concat_tables(blocks)
        rows = rows.filter(pa.array(np.isin(to_integers(rows["day"]), days)))
        stays = _stays(rows, self._spots)
        rows = rows.take(pa.array(stays.row[stays.order]))
        mine = np.flatnonzero(np.isin(to_integers(rows["user"]), users))
        again, _ = await asyncio.to_thread(_put, rows, mine, marks)
        await self._facts.replace(days, again)
        await self._facts.flush()

    def _met(self, moved: Ints, stays: _Stays) -> Flags:
        """Which moved visitor-days come before another of their user there, and also anywhere, if that counts."""
        keys, days = _keys(moved), _days(moved)
        seen = self._last(self._spots.key(stays.user, stays.spot), stays.day)
        anywhere = seen.anywhere.look_up(self._spots.user(keys)) > days
        met: Flags = (seen.here.look_up(keys) > days) & (anywhere | ~self._spots.everywhere[self._spots.spot(keys)])
        return met


_MARKS = ("visitor_day", "gap_d", "new_place", "new_application", "gap_band")


def _put(rows: pa.Table, at: Ints, marks: Marks) -> tuple[pa.Table, Flags]:
    """Rows with other marks on some of them (by their numbers), and which of these differ."""
    differs = np.zeros(len(at), np.bool_)
    for name, found in marks.items():
        values, given = fill_nulls(rows[name]).copy(), rows[name].is_valid().to_numpy().copy()
        new, new_given = found.fill_null(0).to_numpy(), found.is_valid().to_numpy(zero_copy_only=False)
        differs |= (values[at] != new) | (given[at] != new_given)
        values[at], given[at] = new, new_given
        column = pa.array(values, pa.int64(), mask=~given)
        rows = rows.set_column(rows.schema.get_field_index(name), name, column)
    return rows, differs


def _packed(keys: Ints, days: Ints) -> Ints:
    packed: Ints = (keys << _DAY_BITS) | days
    return packed


def _keys(packed: Ints) -> Ints:
    return packed >> _DAY_BITS


def _days(packed: Ints) -> Ints:
    days: Ints = packed & (2**_DAY_BITS - 1)
    return days


def _first(packed: Ints) -> int:
    return int(_days(packed).min())


def _among(users: Ints) -> Iterator[Condition]:
    """Conditions that together hold for these users, and each for not too many."""
    if len(users) <= _FEW_USERS:
        yield OneOf("user", tuple(users.tolist()))
        return
    first, last = int(users.min()), int(users.max())
    for low in range(first, last + 1, _SLICE_USERS):
        yield Between("user", low, min(low + _SLICE_USERS - 1, last))


def _months(days: Sequence[int]) -> list[list[int]]:
    """Ascending days by month."""
    found = np.array(days, np.int64)
    return [
        part.tolist()
        for part in np.split(found, np.flatnonzero(np.diff(bucket_numbers(found, "month"))) + 1)
        if len(part)
    ]
