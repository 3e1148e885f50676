"""Writes columns of leaves as JSON.

The texts of a column are byte strings of one length, filled up with zero bytes.  A number is written by looking up its
digits, four at a time, in a table of texts.  Columns are put side by side, and then the zero bytes are deleted, so that
no Python object is made for a number.
"""

from collections.abc import Iterator, Sequence
from functools import cache

import numpy as np
import orjson
from numpy.typing import NDArray

from okube_api.engine.leaf_columns import Decimals, LeafColumn, Objects
from okube_api.store.arrays import Flags, Ints

Texts = NDArray[np.bytes_]
"""The text of each row; a single one is that of all rows."""

LINE_END = b"\n"
"""JSON has no line break but between values."""
_GROUP = 10_000
"""Four digits are looked up at a time."""
_NULL, _NOTHING = 2 * _GROUP, 2 * _GROUP + 1
"""The positions of `null` and of an empty text in the table of groups of digits."""


def join_texts(columns: Sequence[Texts], rows: int) -> bytes:
    """Return the texts of all columns, row after row."""
    texts = np.empty(rows, [(f"{number}", column.dtype) for number, column in enumerate(columns)])
    for number, column in enumerate(columns):
        texts[f"{number}"] = column
    return texts.tobytes().translate(None, b"\0")


def list_texts(leaves: LeafColumn) -> list[bytes]:
    """Return the JSON of each leaf."""
    return join_texts([*iterate_texts(leaves), np.array(LINE_END)], len(leaves)).split(LINE_END)[:-1]


def iterate_texts(leaves: LeafColumn) -> Iterator[Texts]:
    """Yield the columns whose texts together are the JSON of each leaf."""
    if isinstance(leaves, Decimals):
        yield from _iterate_number_texts(leaves)
        return
    assert isinstance(leaves, Objects)
    before = b"{"
    for name, values in leaves.fields:
        yield np.array(before + orjson.dumps(name) + b":")
        yield from iterate_texts(values)
        before = b","
    yield np.array(b"}")


def _iterate_number_texts(numbers: Decimals) -> Iterator[Texts]:
    """Yield the sign, if a number is negative, the groups of digits, and the decimals."""
    units = numbers.units if numbers.defined is None else np.where(numbers.defined, numbers.units, 0)
    if units.min(initial=0) < 0:
        yield np.where(units < 0, b"-", b"")
        units = np.abs(units)
    if not numbers.digits:
        yield from _iterate_integer_texts(units, numbers.defined)
        return
    integers, fractions = np.divmod(units, 10**numbers.digits)
    yield from _iterate_integer_texts(integers, numbers.defined)
    texts = _build_fractions(numbers.digits)
    yield texts[fractions if numbers.defined is None else np.where(numbers.defined, fractions, len(texts) - 1)]


def _iterate_integer_texts(integers: Ints, defined: Flags | None) -> Iterator[Texts]:
    """Yield the groups of digits, the highest first; numbers that are not defined become `null`."""
    groups: list[Texts] = []
    rest, greatest = integers, int(integers.max(initial=0))
    while greatest or not groups:
        greatest //= _GROUP
        if greatest:
            rest, group = np.divmod(rest, _GROUP)
            positions = np.where(rest > 0, group + _GROUP, group)
        else:
            rest, positions = np.zeros(1, dtype=np.int64), rest
        if groups:
            positions = np.where((rest == 0) & (positions == 0), _NOTHING, positions)
        elif defined is not None:
            positions = np.where(defined, positions, _NULL)
        groups.append(_build_groups()[positions])
    yield from reversed(groups)


@cache
def _build_groups() -> Texts:
    """Return the texts of groups of digits: as they are, filled up with zeros, `null` and nothing."""
    plain = [b"%d" % number for number in range(_GROUP)]
    return np.array([*plain, *(text.rjust(4, b"0") for text in plain), b"null", b""])


@cache
def _build_fractions(digits: int) -> Texts:
    """Return the texts of decimals: without zeros at the end, but at least one digit; and of nothing, which is last."""
    texts = [b"." + (b"%0*d" % (digits, number)).rstrip(b"0") for number in range(1, 10**digits)]
    return np.array([b".0", *texts, b""])
