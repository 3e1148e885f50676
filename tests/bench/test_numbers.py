"""The comparison of okube's numbers with those of its competitors."""

from typing import Any

import numpy as np
import orjson
import pytest
from okube_api.bench.numbers import RESULT_TABLES, TOTAL, NumbersDiffer, check_equal, read_answer, read_rows
from okube_api.bench.workloads import SECOND_HALF, WORKLOADS
from okube_api.bench.world import FIRST
from okube_api.catalogue.buckets import bucket_numbers, to_ordinal

JANUARY = 2025 * 12  # the month number of the first month of the data
FIRST_WEEK = int(bucket_numbers(np.array([to_ordinal(FIRST.date())]), "week")[0])
BY_SITE: list[dict[str, Any]] = [
    {
        "kpi": "posSessions",
        "scope": "sites",
        "granularity": "month",
        "data": {"a": {"all": 5, "temporals": {"0": 2, "11": 3}}, "b": {"all": None, "temporals": {"0": None}}},
    },
    {
        "kpi": "timespent",
        "scope": "sites",
        "granularity": "month",
        "data": {"a": {"all": 70.5, "temporals": {"0": 60.3333, "11": 90.0}}},
    },
]


def test_numbers_of_an_answer_by_site() -> None:
    assert read_answer(orjson.dumps(BY_SITE)) == {
        ("posSessions", "a", TOTAL, 0): 5,
        ("posSessions", "a", "month", 0): 2,
        ("posSessions", "a", "month", 11): 3,
        ("timespent", "a", TOTAL, 0): 70.5,
        ("timespent", "a", "month", 0): 60.3333,
        ("timespent", "a", "month", 11): 90.0,
    }


def test_numbers_of_globals_and_of_leaves_with_fields() -> None:
    credits = {"kpi": "visits", "scope": "globals", "granularity": "week", "data": {"temporals": {"3": {"fc": 1.5}}}}
    assert read_answer(orjson.dumps([credits])) == {("visits.fc", "", "week", 3): 1.5}


def test_rows_have_the_keys_of_their_table() -> None:
    by_site, total = RESULT_TABLES["A3s"]
    assert read_rows((by_site, total), ([("a", JANUARY + 1, 7)], [("a", 9)])) == {
        ("uniqUsers", "a", "month", 1): 7.0,
        ("uniqUsers", "a", TOTAL, 0): 9.0,
    }


def test_equal_numbers_are_counted_up_to_rounding() -> None:
    rows = [("a", JANUARY, 2, 181 / 3), ("a", JANUARY + 11, 3, 90.0)]
    numbers = read_rows(RESULT_TABLES["A2"], [rows])
    assert check_equal("A2", "peer", read_answer(orjson.dumps(BY_SITE)), numbers) == 4


@pytest.mark.parametrize(("theirs", "differs"), [(1 / 3, False), (0.3349, False), (0.3351, True), (0.3249, True)])
def test_amounts_are_compared_by_their_two_decimals(theirs: float, differs: bool) -> None:
    credits = {"fc": 0.33, "lc": 0.5, "linear": 0, "shapley": 0, "participation": 0}
    answer = [
        {
            "kpi": "offlineVisitsAttributions",
            "scope": "campaigns",
            "granularity": "week",
            "data": {"c": {"temporals": {"0": credits}}},
        }
    ]
    (table,) = RESULT_TABLES["B1"]
    values = {"offlineVisitsAttributions.fc": theirs, "offlineVisitsAttributions.lc": 0.5}
    row = (FIRST_WEEK, "c", *(values.get(kpi, 0) for kpi in table.kpis))
    numbers = read_rows((table,), [[row]])
    if differs:
        with pytest.raises(NumbersDiffer, match="B1: peer returns"):
            check_equal("B1", "peer", read_answer(orjson.dumps(answer)), numbers)
    else:
        assert check_equal("B1", "peer", read_answer(orjson.dumps(answer)), numbers) == 5


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param([("a", JANUARY, 2, 60.3333)], id="missing"),
        pytest.param([("a", JANUARY, 2, 60.3333), ("a", JANUARY + 11, 4, 90.0)], id="other count"),
        pytest.param([("a", JANUARY, 2, 60.3335), ("a", JANUARY + 11, 3, 90.0)], id="other average"),
        pytest.param(
            [("a", JANUARY, 2, 60.3333), ("a", JANUARY + 11, 3, 90.0), ("c", JANUARY, 1, 60.0)], id="other site"
        ),
    ],
)
def test_a_different_number_is_refused(rows: list[tuple[Any, ...]]) -> None:
    numbers = read_rows(RESULT_TABLES["A2"], [rows])
    with pytest.raises(NumbersDiffer, match="A2: peer returns"):
        check_equal("A2", "peer", read_answer(orjson.dumps(BY_SITE)), numbers)


def test_every_question_is_compared() -> None:
    assert RESULT_TABLES.keys() == {workload.name for workload in WORKLOADS}


def test_hours_of_the_week_are_numbered() -> None:
    element = {"kpi": "posSessions", "scope": "globals", "granularity": "hourOfWeek"}
    answer = [{**element, "data": {"all": 9, "temporals": {"1-0": 4, "7-23": 5}}}]
    by_hour, total = RESULT_TABLES["A5h"]
    numbers = read_rows((by_hour, total), ([(1, 0, 4, 60.0), (7, 23, 5, 70.0)], [(9, 65.0)]))
    assert read_answer(orjson.dumps(answer)) == {key: value for key, value in numbers.items() if key[0] != "timespent"}


def test_comparisons_have_numbers_before_and_changes() -> None:
    leaves = {"all": 4, "temporals": {"0": 4}}, {"all": 2, "temporals": {"0": 2}}, {"all": 1.0, "temporals": {"0": 1.0}}
    now, before, change = leaves
    element = {"kpi": "posSessions", "scope": "globals", "granularity": "week", "data": now}
    answer = read_answer(orjson.dumps([{**element, "comparisons": [{"data": before, "change": change}]}]))
    first = int(bucket_numbers(np.array([to_ordinal(SECOND_HALF[0])]), "week")[0])
    by_week, total = RESULT_TABLES["A5c"]
    numbers = read_rows((by_week, total), ([(first, 4, 2, 1.0, 8, 8, 0.0)], [(4, 2, 1.0, 8, 8, 0.0)]))
    assert answer == {key: value for key, value in numbers.items() if key[0].startswith("posSessions")}
    assert set(answer) == {
        (f"posSessions{side}", "", unit, 0) for side in ("", " before", " change") for unit in ("week", TOTAL)
    }
