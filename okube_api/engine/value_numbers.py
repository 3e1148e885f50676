"""Numbers texts, such as the values of a scope, and pairs of them."""

from collections.abc import Collection, Mapping

import numpy as np
import pyarrow as pa

from okube_api.engine.campaigns import UNKNOWN
from okube_api.engine.text_columns import encode_texts
from okube_api.store.arrays import Ints

_MOST_DENSE = 8_000_000
_INNER_BITS = 32


class ValueNumbers:
    """Numbers the values of a scope or of a column in order of their first occurrence; null becomes `unknown`."""

    def __init__(self) -> None:
        self.values: list[str] = []
        self._numbers: dict[str, int] = {}

    def number(self, value: str | None) -> int:
        """Return the number of a value."""
        text = UNKNOWN if value is None else value
        if text not in self._numbers:
            self._numbers[text] = len(self.values)
            self.values.append(text)
        return self._numbers[text]

    def number_column(self, column: pa.ChunkedArray) -> Ints:
        """Return the number of each row of a column of texts."""
        codes, texts = encode_texts(column)
        numbers = [None if text is None else self._numbers.get(text) for text in texts]
        if None in numbers:  # new values, or null
            numbers = [self.number(text) for text in texts]
        return np.array(numbers, dtype=np.int64)[codes]


class PairNumbers:
    """Numbers pairs of an outer and an inner value.

    outer, inner: number the values of each.
    shown: if given, by outer value the inner values that are shown.  These pairs are left out then, and so are those of
        other outer values; what remains of an outer value gets the number of that value.
    """

    def __init__(self, shown: Mapping[str, Collection[str]] | None = None) -> None:
        self.outer, self.inner = ValueNumbers(), ValueNumbers()
        self._keys = np.zeros(0, dtype=np.int64)  # known pairs, packed, ascending, with the number of each
        self._numbers = np.zeros(0, dtype=np.int64)
        self._shown: Ints | None = None
        self._outer_count = 0
        if shown is not None:
            pairs = [(self.outer.number(outer), self.inner.number(value)) for outer in shown for value in shown[outer]]
            self._shown = np.array(sorted((outer << _INNER_BITS) | inner for outer, inner in pairs), dtype=np.int64)
            for value in shown:
                self.outer.number(value)
            self._outer_count = len(shown)

    @property
    def is_rest(self) -> bool:
        """Whether the pairs that are shown are left out, so that several pairs have one number."""
        return self._shown is not None

    def number_pairs(self, outer: Ints, inner: Ints) -> Ints:
        """Return the number of each pair of numbers; -1 for those that are left out."""
        if self._shown is not None:
            is_shown = np.isin((outer << _INNER_BITS) | inner, self._shown)
            return np.where(is_shown | (outer >= self._outer_count), -1, outer)
        distinct, codes = self._find_distinct(outer, inner)
        new = distinct[~np.isin(distinct, self._keys, assume_unique=True)]
        if len(new):
            keys = np.concatenate((self._keys, new))
            numbers = np.concatenate((self._numbers, np.arange(len(self._keys), len(keys), dtype=np.int64)))
            order = np.argsort(keys)
            self._keys, self._numbers = keys[order], numbers[order]
        numbers_of_pairs: Ints = self._numbers[np.searchsorted(self._keys, distinct)][codes]
        return numbers_of_pairs

    def list_pairs(self) -> tuple[Ints, Ints]:
        """Return the numbers of the outer and of the inner value of each pair, by the pair's number."""
        keys = np.empty(len(self._keys), dtype=np.int64)
        keys[self._numbers] = self._keys
        return keys >> _INNER_BITS, keys & ((1 << _INNER_BITS) - 1)

    def _find_distinct(self, outer: Ints, inner: Ints) -> tuple[Ints, Ints]:
        """Return the distinct packed pairs, ascending, and the position of each pair's in them."""
        inner_count = len(self.inner.values)
        size = len(self.outer.values) * inner_count
        if size > min(_MOST_DENSE, 64 * len(outer) + 1000):
            return np.unique((outer << _INNER_BITS) | inner, return_inverse=True)
        codes = outer * inner_count + inner
        flags = np.zeros(size, dtype=np.bool_)
        flags[codes] = True
        present = np.flatnonzero(flags)
        positions = np.zeros(size, dtype=np.int64)
        positions[present] = np.arange(len(present))
        outer_numbers, inner_numbers = np.divmod(present, max(inner_count, 1))
        return (outer_numbers << _INNER_BITS) | inner_numbers, positions[codes]
