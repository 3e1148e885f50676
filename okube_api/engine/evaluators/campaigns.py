"""Campaigns as questions know them, and the scope values that rows of theirs belong to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.catalogue.expressions.values import Scope
from okube_api.store.arrays import Ints

UNKNOWN = "unknown"
OF_CAMPAIGNS = frozenset({Scope.CAMPAIGNS, Scope.LEVERS, Scope.EXTRAS})
_FLAGS = 16_000_000  # bytes of working space


@dataclass(frozen=True, slots=True)
class Spending:
    """One cost of a campaign.

    kind: fixed; or cpm, cpc, cpo: for 1,000 prints, a click, an opening.
    amount_micro: millionths of the application's currency.
    first, last: the days (ordinals) that it holds on; None leaves that side open, a fixed cost then has no day.
    """

    kind: str
    amount_micro: int
    first: int | None
    last: int | None


@dataclass(frozen=True, slots=True)
class CampaignRecord:
    """A campaign.  sites: None when it is global.  extras: `name:value`."""

    id: str
    key: str
    name: str | None
    lever: str | None
    sites: tuple[str, ...] | None = None
    extras: tuple[str, ...] = ()
    costs: tuple[Spending, ...] = ()


def campaign_scope_values(identifier: str, scope: Scope, campaigns: Mapping[str, CampaignRecord]) -> tuple[str, ...]:
    """The scope values of a campaign; one that is not there any more stands for itself, under an unknown lever."""
    known = campaigns.get(identifier)
    match scope:
        case Scope.LEVERS:
            return (known.lever or UNKNOWN if known else UNKNOWN,)
        case Scope.EXTRAS:
            return known.extras if known else ()
        case _:
            return (identifier,)


@dataclass(frozen=True, slots=True)
class ValuesByCode:
    """For each code, some numbers: those of code i are `numbers[offsets[i]:offsets[i + 1]]`."""

    offsets: Ints
    numbers: Ints

    @classmethod
    def from_lists(cls, lists: Iterable[Sequence[int]]) -> "ValuesByCode":
        """From a list of numbers for each code."""
        found = [list(one) for one in lists]
        offsets = np.cumsum([0, *map(len, found)], dtype=np.int64)
        return cls(offsets, np.array([number for one in found for number in one], dtype=np.int64))

    def expand(self, codes: Ints) -> tuple[Ints, Ints]:
        """The numbers of these codes one after the other: for each, the position of its code, and the number."""
        each = np.diff(self.offsets)
        if not np.any(each > 1):
            only = np.full(len(each), -1, dtype=np.int64)
            only[each == 1] = self.numbers
            found = only[codes]
            positions = np.flatnonzero(found >= 0)
            return positions, found[positions]
        lengths = each[codes]
        positions = np.repeat(np.arange(len(codes), dtype=np.int64), lengths)
        ends = np.cumsum(lengths)
        inside = np.arange(len(positions), dtype=np.int64) - np.repeat(ends - lengths, lengths)
        return positions, self.numbers[self.offsets[codes][positions] + inside]


def encode_texts(column: pa.ChunkedArray) -> tuple[Ints, list[str | None]]:
    """A column of texts as codes, and what each code stands for."""
    if len(column) == 0:
        return np.zeros(0, dtype=np.int64), []
    if pa.types.is_dictionary(column.type) and column.null_count:
        column = column.cast(column.type.value_type)
    found = column.combine_chunks().dictionary_encode(null_encoding="encode")
    if isinstance(found, pa.ChunkedArray):
        found = found.unify_dictionaries().combine_chunks()
    return found.indices.to_numpy(zero_copy_only=False).astype(np.int64), found.dictionary.to_pylist()


def flatten_lists(column: pa.ChunkedArray) -> tuple[Ints, pa.ChunkedArray]:
    """A column of lists of texts as one of texts, and the row that each is of."""
    lengths = np.concatenate(
        [np.zeros(0, dtype=np.int64)]
        + [chunk.value_lengths().fill_null(0).to_numpy(zero_copy_only=False) for chunk in column.chunks]
    )
    return np.repeat(np.arange(len(column), dtype=np.int64), lengths), pa.chunked_array(
        [chunk.flatten() for chunk in column.chunks], column.type.value_type
    )


def drop_duplicate_pairs(rows: Ints, numbers: Ints, size: int) -> tuple[Ints, Ints]:
    """Each (row, number) pair once; rows ascend, numbers are below `size`."""
    if len(rows) == 0:
        return rows, numbers
    step = max(_FLAGS // max(size, 1), 1)
    found = []
    for start in range(0, int(rows[-1]) + 1, step):
        low, high = np.searchsorted(rows, (start, start + step))
        flags = np.zeros((min(step, int(rows[-1]) + 1 - start), size), dtype=np.bool_)
        flags[rows[low:high] - start, numbers[low:high]] = True
        here, values = np.nonzero(flags)
        found.append((here + start, values))
    return np.concatenate([row for row, _ in found]), np.concatenate([number for _, number in found])
