"""Strategies of leaf columns, each with the leaves that it stands for, computed one by one."""

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import strategies as st
from okube_api.engine.leaf_columns import MOST_UNITS, Decimals, LeafColumn, Objects

Column = tuple[LeafColumn, list[Any]]
NAMES = st.sampled_from(("total", "mean", 'a "b"', "é", "\n", "%b"))
_EDGES = st.sampled_from((0, 1, 9_999, 10_000, 10_001, 100_000_000, 99_999_999, 123_400_000_005, MOST_UNITS - 1))


@st.composite
def number_columns(draw: st.DrawFn, count: int) -> Column:
    """Draw numbers with 0, 2 or 4 decimals, some of them null."""
    digits = draw(st.sampled_from((0, 2, 4)))
    limit = 2**62 if digits == 0 else MOST_UNITS - 1
    small = st.integers(0, draw(st.sampled_from((9, 12_345, limit))))
    numbers = st.builds(int.__mul__, small | _EDGES, st.sampled_from((1, draw(st.sampled_from((1, -1))))))
    units = draw(st.lists(numbers, min_size=count, max_size=count))
    defined = draw(st.none() | st.lists(st.booleans(), min_size=count, max_size=count))
    column = Decimals(np.array(units, np.int64), digits, None if defined is None else np.array(defined, np.bool_))
    leaves = [float(Fraction(number, 10**digits)) if digits else number for number in units]
    flags = [True] * count if defined is None else defined
    return column, [leaf if is_defined else None for leaf, is_defined in zip(leaves, flags, strict=True)]


@st.composite
def leaf_columns(draw: st.DrawFn, count: int, depth: int = 2) -> Column:
    """Draw numbers, or objects of such columns."""
    if not depth or draw(st.booleans()):
        return draw(number_columns(count))
    names = draw(st.lists(NAMES, min_size=1, max_size=3, unique=True))
    fields = [(name, *draw(leaf_columns(count, depth - 1))) for name in names]
    column = Objects(tuple((name, values) for name, values, _ in fields))
    return column, [{name: leaves[at] for name, _, leaves in fields} for at in range(count)]
