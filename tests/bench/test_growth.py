"""How much longer answers take with more raw rows."""

import pytest
from okube_api.bench.growth import GrowthPoint, count_rows, fit_tenfold
from okube_api.bench.workloads import WORKLOADS


def build_points(*rows_and_ms: tuple[int, float]) -> list[GrowthPoint]:
    """Return points with these rows and times over HTTP, half as much processor time, and answers of 100 bytes."""
    return [GrowthPoint(rows / 1e6, rows, 100, ms, ms / 2) for rows, ms in rows_and_ms]


@pytest.mark.parametrize(
    ("points", "tenfold"),
    [
        (((1_000, 2.0), (10_000, 2.0)), 1.0),
        (((1_000, 2.0), (10_000, 2.2)), 1.1),
        (((1_000, 2.0), (100_000, 8.0)), 2.0),  # hundred times the rows, four times the time
        (((1_000, 1.0), (10_000, 3.0), (100_000, 9.0)), 3.0),
        (((1_000, 1.0), (1_000, 5.0)), 1.0),
    ],
)
def test_growth_is_a_factor_for_ten_times_the_rows(points: tuple[tuple[int, float], ...], tenfold: float) -> None:
    factors = fit_tenfold(build_points(*points))
    assert factors["http_ms"] == pytest.approx(tenfold)
    assert factors["cpu_ms"] == pytest.approx(tenfold)
    assert factors["answer_bytes"] == pytest.approx(1)


@pytest.mark.parametrize(("name", "rows"), [("A1", 100_000), ("B1", 100_000), ("C1", 150_000)])
def test_rows_are_the_events_that_a_question_is_about(name: str, rows: int) -> None:
    workload = next(each for each in WORKLOADS if each.name == name)
    assert count_rows(workload, 0.01) == rows
