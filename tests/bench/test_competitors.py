"""The queries of the competitors that are installed, on rows that are counted in plain Python."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from okube_api.bench.competitors import Competitor, load_competitors
from okube_api.bench.numbers import RESULT_TABLES, Numbers, read_rows
from okube_api.bench.workloads import HALF_YEAR, QUARTER, SECOND_HALF
from okube_api.catalogue.buckets import bucket_numbers, to_ordinal

pytestmark = pytest.mark.slow

Row = dict[str, int]
"""A stay; `place` and `user` are numbers."""

REGION_OF_PLACE = {0: "north", 1: "south", 2: "north"}


def number_bucket(day: int, name: str) -> int:
    return int(bucket_numbers(np.array([day]), name)[0])


@pytest.fixture(scope="module")
def stays() -> list[Row]:
    random, first = Random(5), to_ordinal(SECOND_HALF[0] - HALF_YEAR)
    rows = []
    for _ in range(3000):
        day = first + random.randrange(364)
        buckets = {name: number_bucket(day, name) for name in ("week", "month", "weekday")}
        row = {"day": day, "hour_of_day": random.randrange(24), "place": random.randrange(3), **buckets}
        rows.append({**row, "user": random.randrange(40), "dwell_s": random.randrange(120, 4000)})
    return rows


@pytest.fixture(scope="module")
def competitors(stays: list[Row], tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Competitor]]:
    """Load the stays into the competitors, and one row into each of their other tables."""
    table = pa.Table.from_pylist([{**row, "place": f"place-{row['place']}"} for row in stays])
    for name in ("weekday", "hour_of_day"):
        table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int8()))
    regions = [{"place": f"place-{place}", "region": region} for place, region in REGION_OF_PLACE.items()]
    tables = {
        "stays": table,
        "sites": pa.Table.from_pylist(regions),
        "passages": pa.table({"day": [1], "equipment": ["a"]}),
        "outcomes": pa.table({"day": [1]}),
        "campaigns": pa.table({"campaign": ["a"]}),
        "costs": pa.table({"campaign": ["a"]}),
    }
    folder: Path = tmp_path_factory.mktemp("competitors")
    for name, rows in tables.items():
        pq.write_table(rows, folder / f"{name}.parquet")
    competitors = load_competitors({name: folder / f"{name}.parquet" for name in tables}, [])
    yield competitors
    for competitor in competitors:
        competitor.close()


def ask_all(competitors: list[Competitor], workload: str) -> dict[str, Numbers]:
    """Return the numbers of each competitor, with 9 decimals."""
    answers = {competitor.name: competitor.ask(workload) for competitor in competitors}
    return {
        name: {
            key: round(number, 9) for key, number in read_rows(RESULT_TABLES[workload], answer.rows_by_table).items()
        }
        for name, answer in answers.items()
        if answer is not None
    }


def check(competitors: list[Competitor], workload: str, expected: dict[Any, float]) -> None:
    numbers = {key: round(number, 9) for key, number in expected.items()}
    assert ask_all(competitors, workload) == {competitor.name: numbers for competitor in competitors}


def test_stays_by_weekday_and_hour(stays: list[Row], competitors: list[Competitor]) -> None:
    first, last = map(to_ordinal, QUARTER)
    dwells: defaultdict[int, list[int]] = defaultdict(list)
    for row in stays:
        if first <= row["day"] <= last:
            dwells[row["weekday"] * 24 + row["hour_of_day"]].append(row["dwell_s"])
    every = [dwell for group in dwells.values() for dwell in group]
    expected: dict[Any, float] = {
        ("posSessions", "", "all", 0): len(every),
        ("timespent", "", "all", 0): sum(every) / len(every),
    }
    for hour, group in dwells.items():
        expected["posSessions", "", "hourOfWeek", hour] = len(group)
        expected["timespent", "", "hourOfWeek", hour] = sum(group) / len(group)
    check(competitors, "A5h", expected)


def test_stays_and_users_compared_with_the_first_half_of_the_year(
    stays: list[Row], competitors: list[Competitor]
) -> None:
    start = to_ordinal(SECOND_HALF[0])
    first_week = min(row["week"] for row in stays if row["day"] >= start)
    users: defaultdict[Any, set[int]] = defaultdict(set)
    counts: Counter[Any] = Counter()
    for row in stays:
        side = "" if row["day"] >= start else " before"
        week = row["week"] + (HALF_YEAR.days // 7 if side else 0) - first_week
        for bucket in (("week", week), ("all", 0)):
            counts[side, bucket] += 1
            users[side, bucket].add(row["user"])
    expected: dict[Any, float] = {}
    for bucket in {bucket for _, bucket in counts}:
        for kpi, number in (("posSessions", counts), ("uniqUsers", {key: len(group) for key, group in users.items()})):
            now, before = number["", bucket], number[" before", bucket]
            expected |= {(kpi, "", *bucket): now, (f"{kpi} before", "", *bucket): before}
            expected[f"{kpi} change", "", *bucket] = now / before - 1
    check(competitors, "A5c", expected)


def test_users_by_region_and_week(stays: list[Row], competitors: list[Competitor]) -> None:
    users: defaultdict[Any, set[int]] = defaultdict(set)
    first_week = number_bucket(to_ordinal(SECOND_HALF[0] - HALF_YEAR), "week")
    for row in stays:
        region = REGION_OF_PLACE[row["place"]]
        users["uniqUsers", region, "week", row["week"] - first_week].add(row["user"])
        users["uniqUsers", region, "all", 0].add(row["user"])
    check(competitors, "A5r", {key: len(group) for key, group in users.items()})
