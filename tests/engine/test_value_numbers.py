"""Pairs of values have stable numbers, and what remains of an outer value has the number of that value."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.engine import value_numbers
from okube_api.engine.value_numbers import PairNumbers, ValueNumbers

PAIRS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4)), max_size=30)


def build_pairs(shown: dict[str, list[str]] | None = None) -> PairNumbers:
    """Return pairs of the outer values "0" to "5" and the inner values "0" to "4", numbered like that."""
    pairs = PairNumbers(shown)
    for number in range(6):
        pairs.outer.number(str(number))
    for number in range(5):
        pairs.inner.number(str(number))
    return pairs


@pytest.mark.parametrize("most_dense", [0, 10**6])
@given(batches=st.lists(PAIRS, max_size=4))
def test_a_pair_has_one_number_in_all_batches(most_dense: int, batches: list[list[tuple[int, int]]]) -> None:
    """Number batches of pairs, by sorting and by a table of flags."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(value_numbers, "_MOST_DENSE", most_dense)
        pairs = build_pairs()
        numbers: dict[tuple[int, int], int] = {}
        for batch in batches:
            outer, inner = (np.array([pair[side] for pair in batch], dtype=np.int64) for side in (0, 1))
            for pair, number in zip(batch, pairs.number_pairs(outer, inner).tolist(), strict=True):
                assert numbers.setdefault(pair, number) == number
        assert sorted(numbers.values()) == list(range(len(numbers)))
        listed = zip(*(side.tolist() for side in pairs.list_pairs()), strict=True)
        assert {pair: number for number, pair in enumerate(listed)} == numbers


def test_what_is_not_shown_has_the_number_of_its_outer_value() -> None:
    pairs = PairNumbers({"a": ["x"], "b": []})
    sets = [pairs.number_set(values) for values in (("x",), ("y",), ("x", "y"), ("x",), ())]
    assert sets == [[0], [1], [2], [0], []]
    other = pairs.outer.number("c")  # is not shown at all
    cases = [(0, 0), (0, 1), (0, 2), (1, 0), (1, 2), (other, 1)]
    outer, inner = (np.array([case[side] for case in cases], dtype=np.int64) for side in (0, 1))
    assert pairs.number_pairs(outer, inner).tolist() == [-1, 0, 0, 1, 1, -1]


def test_null_is_unknown() -> None:
    numbers = ValueNumbers()
    assert numbers.number_all(["a", None, "unknown", "a"]) == [0, 1, 1, 0]
    assert numbers.values == ["a", "unknown"]
