"""The page of the results."""

import orjson
import pytest
from okube_api.bench.report import format_markdown
from okube_api.bench.runner import ALL_WORKLOADS, BenchmarkResults

CLIENTS = {"a_second": 51.4, "errors": 0, "by_label": {"total": {"answers": 99, "p50_ms": 5.2, "p99_ms": 1000.0}}}
LIVE = {
    "process": {"empty": {"start_s": 1.3, "start_to_first_answer_s": 1.54, "idle_mib": 183.2}},
    "cold": {"A1": {"after_start_ms": 30.0, "after_restart_ms": 3.0, "after_new_data_ms": 9.0, "warm_ms": 1.5}},
    "different": CLIENTS,
    "request": {"ms_until_201": {"bench": {"1": 4000.0, "500": 5000.4}}},
    "J": {
        "events": {"a_second": 19_999.6, "requests": 1100, "errors": 2, "p50_ms": 12.0, "p99_ms": 80.0, "visible": {}},
        "questions": CLIENTS,
    },
}


def make_results() -> BenchmarkResults:
    """Return results of a run of every kind of workload."""
    machine = {"at": "now", "cores": 2, "system": "Linux", "python": "3.11", "packages": {"duckdb": "2.0"}}
    results = BenchmarkResults(machine, 0.1)
    results.times_ms["B1"] = {"over HTTP": 8.0, "in process": 6.0, "Polars": 40.0, "asked again": 1.0, "floor": 0.5}
    results.equal_numbers["B1"] = {"Polars": 1234}
    results.live.update(LIVE)
    return results


@pytest.mark.parametrize(
    "line",
    [
        "| B1 | four attribution models by campaign by week | 8.00 | 6.00 | 40.00 | **0.200** | 0.15 | 1.00 | 0.50 |",
        "- B1: Polars 1,234",
        "| empty | 1.30 | 1.54 | 183 |",
        "| A1 | 30.0 | 3.0 | 9.0 | 1.5 |",
        "51 answers a second, 0 errors.",
        "| total | 99 | 5 | 1000 |",
        "| bench | 4000 | 5000 |",
        "20,000 events a second in 1,100 requests, 2 errors.",
        "| request to 201 | 12 | 80 |",
    ],
)
def test_the_page_has_a_line_for_each_result(line: str) -> None:
    assert line in format_markdown(make_results()).splitlines()


def test_results_are_stored_as_json() -> None:
    stored = orjson.loads(make_results().as_json())
    assert stored["live"] == LIVE
    assert stored["equal_numbers"] == {"B1": {"Polars": 1234}}


def test_names_of_workloads_are_unique() -> None:
    assert len(set(ALL_WORKLOADS)) == len(ALL_WORKLOADS)
