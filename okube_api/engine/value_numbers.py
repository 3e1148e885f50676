"""Numbers texts, such as the values of a scope, and pairs of them."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress

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
        self._numbers: dict[str | None, int] = {}

    def number(self, value: str | None) -> int:
        """Return the number of a value."""
        return self.number_all((value,))[0]

    def number_column(self, column: pa.ChunkedArray) -> Ints:
        """Return the number of each row of a column of texts."""
        codes, texts = encode_texts(column)
        return np.array(self.number_all(texts), dtype=np.int64)[codes]

    def number_all(self, texts: Sequence[str | None]) -> list[int]:
        """Return the number of each value."""
        with suppress(KeyError):
            return [self._numbers[text] for text in texts]
        for text in texts:
            name = UNKNOWN if text is None else text
            if name not in self._numbers:
                self._numbers[name] = len(self.values)
                self.values.append(name)
            self._numbers[text] = self._numbers[name]
        return [self._numbers[text] for text in texts]


class PairNumbers:
    """Numbers pairs of an outer and an inner value.

    outer, inner: number the values of each.
    shown: if given, the inner values that are shown, by outer value; then pairs are of what remains.  A pair is then an
        outer value and a set of inner values; its number is that of the outer value, unless it shows all values of
        the set.  Sets have numbers of their own, so that a row with several values that are not shown counts once.
    """

    def __init__(self, shown: Mapping[str, Collection[str]] | None = None) -> None:
        self.outer, self.inner = ValueNumbers(), ValueNumbers()
        self._keys = np.zeros(0, dtype=np.int64)  # known pairs, packed, ascending, with the number of each
        self._numbers = np.zeros(0, dtype=np.int64)
        self._shown = None if shown is None else {self.outer.number(value): shown[value] for value in shown}
        self._sets: dict[tuple[str, ...], int] = {}

    def number_set(self, values: tuple[str, ...]) -> list[int]:
        """Return the number of a set of inner values that a row has together; none for an empty set."""
        return [self._sets.setdefault(values, len(self._sets))] if values else []

    @property
    def is_rest(self) -> bool:
        """Whether the pairs that are shown are left out, so that several pairs have one number."""
        return self._shown is not None

    def number_pairs(self, outer: Ints, inner: Ints) -> Ints:
        """Return the number of each pair of numbers; -1 for those that are left out."""
        if self._shown is not None:
            return self._number_rest(outer, inner)
        distinct, codes = self._find_distinct(outer, inner)
        new = distinct[~np.isin(distinct, self._keys, assume_unique=True)]
        if len(new):
            keys = np.concatenate((self._keys, new))
            numbers = np.concatenate((self._numbers, np.arange(len(self._keys), len(keys), dtype=np.int64)))
            order = np.argsort(keys)
            self._keys, self._numbers = keys[order], numbers[order]
        numbers_of_pairs: Ints = self._numbers[np.searchsorted(self._keys, distinct)][codes]
        return numbers_of_pairs

    def _number_rest(self, outer: Ints, sets: Ints) -> Ints:
        assert self._shown is not None
        values_of_set = list(self._sets)
        pairs, codes = self._find_distinct(outer, sets)
        numbers = np.full(len(pairs), -1, dtype=np.int64)
        for position, (value, number) in enumerate(zip(*_unpack(pairs), strict=True)):
            shown = self._shown.get(value)
            if shown is not None and any(inner not in shown for inner in values_of_set[number]):
                numbers[position] = value
        return numbers[codes]

    def list_pairs(self) -> tuple[Ints, Ints]:
        """Return the numbers of the outer and of the inner value of each pair, by the pair's number."""
        keys = np.empty(len(self._keys), dtype=np.int64)
        keys[self._numbers] = self._keys
        return keys >> _INNER_BITS, keys & ((1 << _INNER_BITS) - 1)

    def _find_distinct(self, outer: Ints, inner: Ints) -> tuple[Ints, Ints]:
        """Return the distinct packed pairs, ascending, and the position of each given pair among them."""
        inner_count = len(self.inner.values) if self._shown is None else len(self._sets)
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


def _unpack(pairs: Ints) -> tuple[list[int], list[int]]:
    return (pairs >> _INNER_BITS).tolist(), (pairs & ((1 << _INNER_BITS) - 1)).tolist()
