"""Computes the recency flags of stays: first of its visitor-day, days since the previous one, new here, new anywhere.

A *location* is where a user can be new: the zone of a place, a site or an equipment, depending on the fact.  Outcomes
have flags, too: their visits are stays here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pyarrow as pa

from okube_api.catalogue.bands import find_bands
from okube_api.ingest.columns.columns import mark_group_starts, sort_order, to_codes, to_integers
from okube_api.ingest.columns.sort_codes import fill_nulls, to_sort_codes
from okube_api.ingest.derive.recency import (
    NEVER_SEEN,
    LastSeen,
    VisitorDays,
    find_last_seen,
    find_visitor_days,
    pack,
    unpack_days,
    unpack_keys,
    update_last_seen,
)
from okube_api.store.arrays import Flags, Ints

FLAGS = ("visitor_day", "gap_d", "new_place", "new_application", "gap_band")
"""The columns that this module computes; each fact has some of them."""

_UNKNOWN_BAND = -1

FlagColumns = Mapping[str, pa.Array]


@dataclass(frozen=True, slots=True, eq=False)
class RecencyKeys:
    """Numbers the locations of a fact, and makes the keys of users at locations.

    columns: the columns of the fact that identify a location, each with its possible values, sorted.  Rows with
        other values belong to locations that no longer exist.
    counts_anywhere: for each location, in order of the columns' values, whether a visit there makes a user known to
        the whole application.
    by_stay: whether a stay has several rows, of which the first has rank 1, and which are new to the application
        together.
    stay_flag: the column that is 1 on rows that are stays, and 0 on others, which have no flags; None if all are stays.
    tie_breakers: the columns that sort the stays of a user that start at a location at the same instant.
    """

    columns: Mapping[str, Sequence[str]]
    counts_anywhere: Flags
    by_stay: bool = False
    stay_flag: str | None = None
    tie_breakers: tuple[str, ...] = ("dwell_s",)

    @property
    def row_columns(self) -> tuple[str, ...]:
        """The columns of rows that flags depend on."""
        of_stay = ("site", "rank") if self.by_stay else ()
        flag = (self.stay_flag,) if self.stay_flag else ()
        names = (*self.columns, *of_stay, *flag, "user", "start", *self.tie_breakers, "day")
        return tuple(dict.fromkeys(names))

    def find_locations(self, rows: pa.Table) -> tuple[Ints, Ints]:
        """Return the indices of the stays whose location exists, and the numbers of their locations."""
        location, exists = np.zeros(rows.num_rows, np.int64), np.ones(rows.num_rows, np.bool_)
        if self.stay_flag:
            exists &= to_integers(rows[self.stay_flag]) == 1
        for name, values in self.columns.items():
            codes = to_codes(rows[name], values)
            exists &= codes >= 0
            location = location * len(values) + codes
        numbers = np.flatnonzero(exists)
        return numbers, location[numbers]

    def make_keys(self, user: Ints, location: Ints) -> Ints:
        """Return the key of each user and location."""
        return user * max(len(self.counts_anywhere), 1) + location

    def get_locations(self, keys: Ints) -> Ints:
        """Return the locations of keys."""
        return keys % max(len(self.counts_anywhere), 1)

    def get_users(self, keys: Ints) -> Ints:
        """Return the users of keys."""
        return keys // max(len(self.counts_anywhere), 1)


@dataclass(frozen=True, slots=True, eq=False)
class StayRows:
    """The columns of a fact's rows that flags depend on, of rows whose location exists.

    row: the index of each row among all rows.  stay: rows with the same number are new to the application together.
    tie_rank: sorts the rows of one user, location and start.
    """

    row: Ints
    user: Ints
    location: Ints
    start_ms: Ints
    tie_rank: Ints
    day: Ints
    stay: Ints

    @property
    def order(self) -> Ints:
        """The permutation that sorts the rows as facts are stored."""
        return sort_order(self.day, self.location, self.user, self.start_ms, self.tie_rank)

    def take(self, numbers: Ints) -> "StayRows":
        """Return the rows at these positions."""
        return StayRows(*(getattr(self, field.name)[numbers] for field in fields(self)))

    def append(self, other: "StayRows") -> "StayRows":
        """Return these rows followed by the rows of `other`, which are of other stays."""
        columns = {
            field.name: np.concatenate((getattr(self, field.name), getattr(other, field.name)))
            for field in fields(self)
        }
        return StayRows(**columns | {"stay": np.concatenate((self.stay, -1 - other.stay))})


NO_STAY_ROWS = StayRows(*(np.empty(0, np.int64),) * 7)


def index_stay_rows(rows: pa.Table, keys: RecencyKeys) -> StayRows:
    """Return the columns that flags depend on, of the rows whose location exists."""
    numbers, location = keys.find_locations(rows)
    user, start_ms, day = (to_integers(rows[name])[numbers] for name in ("user", "start", "day"))
    tie_rank = _rank_rows(rows, keys.tie_breakers)[numbers]
    stay = np.arange(len(numbers))
    if keys.by_stay and len(numbers):
        site, rank = to_sort_codes(rows["site"])[numbers], to_integers(rows["rank"])[numbers]
        by = sort_order(user, site, start_ms, rank)
        stay[by] = np.cumsum(rank[by] == 1)
    return StayRows(numbers, user, location, start_ms, tie_rank, day, stay)


def _rank_rows(rows: pa.Table, columns: Sequence[str]) -> Ints:
    """Return integers that sort rows by these columns."""
    if len(columns) == 1:
        return to_integers(rows[columns[0]])
    codes = [to_sort_codes(rows[name]) for name in columns]
    by = sort_order(*codes)
    ranks = np.empty(len(by), np.int64)
    if len(by):
        ranks[by] = np.cumsum(mark_group_starts(*(code[by] for code in codes)))
    return ranks


@dataclass(frozen=True, slots=True, eq=False)
class Visits:
    """Visitor-days, packed, distinct and ascending: by user and location, and by user for the whole application."""

    at_location: Ints
    anywhere: Ints


@dataclass(frozen=True, slots=True, eq=False)
class LastVisits:
    """When users were last seen: at each location, and anywhere in the application."""

    at_location: LastSeen
    anywhere: LastSeen

    def update(self, visits: Visits) -> "LastVisits":
        """Return the last visits updated with later visits."""
        pairs = ((self.at_location, visits.at_location), (self.anywhere, visits.anywhere))
        return LastVisits(*(update_last_seen(last, unpack_keys(new), unpack_days(new)) for last, new in pairs))


NEVER_VISITED = LastVisits(NEVER_SEEN, NEVER_SEEN)


def find_last_visits(keys: RecencyKeys, user_locations: Ints, days: Ints) -> LastVisits:
    """Return the last day of each user at each location and of each user anywhere, from pairs of a key and a day."""
    counts = keys.counts_anywhere[keys.get_locations(user_locations)] if len(days) else np.empty(0, np.bool_)
    users = keys.get_users(user_locations[counts])
    return LastVisits(find_last_seen(user_locations, days), find_last_seen(users, days[counts]))


def compute_flags(
    stays: StayRows, keys: RecencyKeys, before: LastVisits, gap_edges: Sequence[int] | None, own_rows: int
) -> tuple[FlagColumns, Visits]:
    """Return the flags of stays, and the visitor-days whose first row is among the first `own_rows` rows.

    stays: all stays of some users, from some day on.  before: when these users were last seen before that day.
    gap_edges: lower edges of the bands of days between visits; None for facts without these bands.
    """
    size = len(stays.row)
    visitor_day, new_place, new_application, gap_d = np.zeros((4, size), np.int64)
    # At each location: the flags of a visitor-day are set on its first row.
    at_location = find_visitor_days(
        keys.make_keys(stays.user, stays.location), stays.day, (stays.start_ms, stays.tie_rank), before.at_location
    )
    visitor_day[at_location.row] = 1
    new_place[at_location.row] = at_location.is_new
    gap_d[at_location.row] = np.where(at_location.previous_day > 0, at_location.gap_d, 0)
    # Anywhere: the flag is set on all rows of the user's first stay of the day at a location that counts.
    rows = np.flatnonzero(keys.counts_anywhere[stays.location])
    tie_breakers = (stays.start_ms[rows], stays.location[rows], stays.tie_rank[rows])
    anywhere = find_visitor_days(stays.user[rows], stays.day[rows], tie_breakers, before.anywhere)
    new_stays = stays.stay[rows[anywhere.row[anywhere.is_new]]]
    new_application[np.isin(stays.stay, new_stays)] = 1

    flags = {
        "visitor_day": pa.array(visitor_day),
        "new_place": pa.array(new_place),
        "new_application": pa.array(new_application),
    }
    if gap_edges is not None:
        flags["gap_d"] = pa.array(gap_d, mask=gap_d == 0)
        flags["gap_band"] = pa.array(np.where(gap_d == 0, _UNKNOWN_BAND, find_bands(gap_d, gap_edges)))
    visits = Visits(
        _pack_visitor_days(at_location, at_location.row < own_rows),
        _pack_visitor_days(anywhere, rows[anywhere.row] < own_rows),
    )
    return flags, visits


def _pack_visitor_days(visitor_days: VisitorDays, mask: Flags) -> Ints:
    return pack(visitor_days.key, visitor_days.day)[mask]


def replace_flags(rows: pa.Table, numbers: Ints, flags: FlagColumns) -> tuple[pa.Table, Flags]:
    """Return the rows with new flags at these positions, and for which of the positions the flags were different."""
    differs = np.zeros(len(numbers), np.bool_)
    for name, column in flags.items():
        values, valid = fill_nulls(rows[name]).copy(), rows[name].is_valid().to_numpy().copy()
        new_values, new_valid = column.fill_null(0).to_numpy(), column.is_valid().to_numpy(zero_copy_only=False)
        differs |= (values[numbers] != new_values) | (valid[numbers] != new_valid)
        values[numbers], valid[numbers] = new_values, new_valid
        new_column = pa.array(values, pa.int64(), mask=~valid)
        rows = rows.set_column(rows.schema.get_field_index(name), name, new_column)
    return rows, differs


def mark_followed(visits: Ints, stays: StayRows, keys: RecencyKeys) -> Flags:
    """Return which visitor-days (packed) are followed by a later stay of the user there, and anywhere if that counts.

    Flags look back to the previous visit only, so no stay after the following one depends on such a visitor-day.
    """
    user_locations, days = unpack_keys(visits), unpack_days(visits)
    last = find_last_visits(keys, keys.make_keys(stays.user, stays.location), stays.day)
    followed_anywhere = last.anywhere.look_up(keys.get_users(user_locations)) > days
    counts_anywhere = keys.counts_anywhere[keys.get_locations(user_locations)]
    followed: Flags = (last.at_location.look_up(user_locations) > days) & (followed_anywhere | ~counts_anywhere)
    return followed
