"""The stages of the server's time, from samples of its stacks."""

import pytest
from okube_api.bench.live import vary_path
from okube_api.bench.stages import OTHER, name_stage, sum_stages
from okube_api.bench.workloads import WORKLOADS

ROUTE = "run (uvicorn/protocols/http.py:1);app (fastapi/routing.py:2)"
SERVICE = f"{ROUTE};Analytics.answer (okube_api/analytics/service.py:3)"
IDLE = "run (threading.py:1);_worker (concurrent/futures/thread.py:81)"


@pytest.mark.parametrize(
    ("stack", "stage"),
    [
        (ROUTE, "HTTP"),
        (SERVICE, "service"),
        (f"{SERVICE};resolve (okube_api/analytics/resolve/presence.py:9);<genexpr> (typing.py:1)", "resolve"),
        (f"{SERVICE};answer (okube_api/engine/run.py:5)", "evaluate"),
        (f"{SERVICE};answer (okube_api/engine/run.py:5);plan (okube_api/engine/planner.py:5)", "plan"),
        (f"{SERVICE};answer (okube_api/engine/run.py:5);aggregate (okube_api/store/duckdb/rows.py:7)", "fetch"),
        (f"{SERVICE};render_json (okube_api/analytics/rendering.py:5)", "answer"),
        ("main (typer/main.py:1)", OTHER),
    ],
)
def test_the_innermost_frame_of_a_stage_names_it(stack: str, stage: str) -> None:
    assert name_stage(stack) == stage


def test_shares_leave_out_threads_without_work() -> None:
    assert sum_stages([f"{ROUTE} 1", f"{SERVICE} 3", f"{IDLE} 90"]) == {"service": 0.75, "HTTP": 0.25}


def test_variations_of_a_path_differ() -> None:
    path = WORKLOADS[0].path
    assert vary_path(path, 0) == path
    assert vary_path(path, 0b101) == path.replace("from=2025", "from=%320%325")
    assert len({vary_path(path, number) for number in range(1 << 10)}) == 1 << 10
