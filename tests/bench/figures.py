"""Results of a run of every kind of workload, with invented figures."""

from okube_api.bench.growth import Growth, GrowthPoint, fit_tenfold
from okube_api.bench.mongo import MongoResults
from okube_api.bench.runner import BenchmarkResults

CLIENTS = {"a_second": 51.4, "errors": 0, "by_label": {"total": {"answers": 99, "p50_ms": 5.2, "p99_ms": 1000.0}}}
LIVE = {
    "process": {"empty": {"start_s": 1.3, "start_to_first_answer_s": 1.54, "idle_mib": 183.2}},
    "cold": {"A1": {"after_start_ms": 30.0, "after_restart_ms": 3.0, "after_new_data_ms": 9.0, "warm_ms": 1.5}},
    "different": CLIENTS,
    "request": {
        "stored_ms": {"bench": {"1": 20.0, "500": 30.0}},
        "visible_ms": {"bench": {"1": 4000.0, "500": 5000.4}},
    },
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
    results.mongo = MongoResults("7.0.0", {"stays": 30_000.4}, {"A1": 100}, raw_documents=200_000, pipeline_ms=400.0)
    results.mongo.times_ms["A1"] = {
        "embedded": {"over HTTP": 2.0, "in process": 1.0, "processor time": 1.0},
        "MongoDB": {"over HTTP": 2.5, "in process": 1.1, "processor time": 0.9},
    }
    results.mongo.batches_ms["bench"] = {"embedded": {"1": 20.0, "500": 90.0}, "MongoDB": {"1": 150.4, "500": 300.0}}
    load = {"a_second": 300.4, "errors": 0.0, "p50_ms": 50.0, "p99_ms": 99.0, "cpu_ms": 3.456}
    results.mongo.processes.update({"1": load, "2": load | {"a_second": 550.0}})
    points = [GrowthPoint(0.01, 100_000, 5000, 2.0, 1.0), GrowthPoint(0.1, 1_000_000, 5500, 2.1, 1.2)]
    results.growth = Growth({"A1": points}, {"A1": fit_tenfold(points)})
    return results
