"""Leaves of an answer by column: numbers stay arrays of integers until they are written, or read one by one."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from okube_api.store.arrays import Flags, Ints

Leaf = Any
"""A number, None, or an object of the KPI's shape; plain JSON values."""

MOST_UNITS = 10**15
"""Up to here, a decimal is the shortest text that is read as the double nearest to it."""


class LeafColumn(Sequence[Leaf]):
    """Leaves that are built when one of them is read."""

    @property
    @abstractmethod
    def leaves(self) -> list[Leaf]:
        """All leaves."""

    def __getitem__(self, index: Any) -> Any:
        return self.leaves[index]

    def __iter__(self) -> Iterator[Leaf]:
        return iter(self.leaves)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and self.leaves == list(other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class Decimals(LeafColumn):
    """Numbers that are rounded to a number of decimals.

    units: the numbers in units of the last decimal; with decimals, their magnitude is below `MOST_UNITS`.
    digits: the number of decimals; 0 for integers.
    defined: which numbers are not null; None when no number is null.
    """

    units: Ints
    digits: int = 0
    defined: Flags | None = None

    @cached_property
    def leaves(self) -> list[Leaf]:
        """The numbers: integers, or the doubles that are nearest to them."""
        numbers: list[Leaf] = (self.units / 10**self.digits if self.digits else self.units).tolist()
        if self.defined is None:
            return numbers
        pairs = zip(numbers, self.defined.tolist(), strict=True)
        return [number if is_defined else None for number, is_defined in pairs]

    def __len__(self) -> int:
        return len(self.units)


@dataclass(frozen=True, eq=False)
class Objects(LeafColumn):
    """Objects with the same fields.

    fields: at least one, each with its values.
    """

    fields: tuple[tuple[str, LeafColumn], ...]

    @cached_property
    def leaves(self) -> list[Leaf]:
        """The objects."""
        names = [name for name, _ in self.fields]
        return [dict(zip(names, row, strict=True)) for row in zip(*(values for _, values in self.fields), strict=True)]

    def __len__(self) -> int:
        return len(self.fields[0][1])
