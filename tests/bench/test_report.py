"""The page of the results."""

import orjson
import pytest
from okube_api.bench.report import format_markdown
from okube_api.bench.runner import ALL_WORKLOADS

from tests.bench.figures import LIVE, make_results


@pytest.mark.parametrize(
    "line",
    [
        "| B1 | four attribution models by campaign by week | 8.00 | 6.00 | 40.00 | **0.200** | 0.15 | 1.00 | 0.50 |",
        "- B1: Polars 1,234",
        "| empty | 1.30 | 1.54 | 183 |",
        "| A1 | 30.0 | 3.0 | 9.0 | 1.5 |",
        "51 answers a second, 0 errors.",
        "| total | 99 | 5 | 1000 |",
        "| bench | stored (`wait=false`) | 20 | 30 |",
        "| bench | visible | 4000 | 5000 |",
        "20,000 events a second in 1,100 requests, 2 errors.",
        "| request to stored | 12 | 80 |",
        "| A1 | 2.00 | 2.50 | **1.25** | 1.00 | 1.10 | **1.10** | 0.90 |",
        "A1 by the plain aggregation pipeline on 200,000 raw documents:",
        "400 ms, 160 times as long as okube over HTTP",
        "Events a second from a file until they are visible: stays 30,000.",
        "| bench | MongoDB | 150 | 300 |",
        "| 1 | 300 | 0 | 50 | 99 | 3.46 |",
        "| 2 | 550 | 0 | 50 | 99 | 3.46 |",
        "| A1 | 100,000 to 1,000,000 | 2.00 | 2.10 | **1.05** | 1.20 | 1.10 |",
    ],
)
def test_the_page_has_a_line_for_each_result(line: str) -> None:
    assert line in format_markdown(make_results()).splitlines()


def test_results_are_stored_as_json() -> None:
    stored = orjson.loads(make_results().as_json())
    assert stored["live"] == LIVE
    assert stored["growth"]["points"]["A1"][1]["rows"] == 1_000_000
    assert stored["mongo"]["raw_documents"] == 200_000
    assert stored["equal_numbers"] == {"B1": {"Polars": 1234}}


def test_names_of_workloads_are_unique() -> None:
    assert len(set(ALL_WORKLOADS)) == len(ALL_WORKLOADS)
