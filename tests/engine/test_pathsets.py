"""Rows by set of campaigns, expanded to scope values, compared with plain Python; dictionary-encoded or not."""

from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.engine.pathsets import expand_path_sets
from okube_api.engine.text_columns import ValuesByCode

SETS = st.lists(st.sampled_from("abcdef"), unique=True, max_size=4).map(sorted)
ROWS = st.lists(
    st.tuples(SETS, st.integers(-3, 3) | st.just(10**7), st.sampled_from([None, "x", "y"]), st.integers(-9, 9)),
    max_size=30,
)
VALUES = st.dictionaries(st.sampled_from("abcde"), st.lists(st.integers(0, 5), unique=True, max_size=3), max_size=5)


@pytest.mark.parametrize("encoded", [False, True])
@given(rows=ROWS, values_of_campaign=VALUES)
def test_a_row_counts_once_for_each_value_of_its_set(
    encoded: bool, rows: list[tuple[list[str], int, str | None, int]], values_of_campaign: dict[str, list[int]]
) -> None:
    expected: Counter[tuple[int, int, str | None]] = Counter()
    for members, week, kind, number in rows:
        for value in {value for member in members for value in values_of_campaign.get(member, ())}:
            expected[value, week, kind] += number
    distinct_sets = [list(members) for members in {tuple(campaigns): None for campaigns, *_ in rows}]
    sets = pa.array([members for members, *_ in rows], pa.list_(pa.string()))
    if encoded:
        codes = pa.array([distinct_sets.index(members) for members, *_ in rows], pa.int32())
        sets = pa.DictionaryArray.from_arrays(codes, pa.array(distinct_sets, pa.list_(pa.string())))
        middle = len(rows) // 2
        sets = pa.chunked_array([sets[:middle], sets[middle:]])
    table = pa.table(
        {
            "sets": sets,
            "week": pa.array([week for _, week, _, _ in rows], pa.int64()),
            "kind": pa.array([kind for _, _, kind, _ in rows], pa.string()),
            "number": pa.array([number for *_, number in rows], pa.int64()),
        }
    )
    values, summed = expand_path_sets(
        table,
        "sets",
        lambda names: ValuesByCode.from_lists(values_of_campaign.get(name or "", ()) for name in names),
        ["number"],
    )
    weeks, kinds, numbers = (summed.column(name).to_pylist() for name in ("week", "kind", "number"))
    pairs = list(zip(values.tolist(), weeks, kinds, strict=True))
    assert len(pairs) == len(set(pairs))
    assert Counter(dict(zip(pairs, numbers, strict=True))) == expected
