"""The order and the medians of systems that are timed in turns."""

from collections.abc import Callable, Iterator

import pytest
from okube_api.bench.turns import measure_in_turn, time_processor


def test_sides_are_asked_in_turn_and_the_first_round_does_not_count() -> None:
    order: list[str] = []

    def build_side(name: str, seconds: Iterator[float]) -> Callable[[], float]:
        def ask() -> float:
            order.append(name)
            return next(seconds)

        return ask

    sides = {"a": build_side("a", iter((9.0, 0.001, 0.005, 0.002))), "b": build_side("b", iter((0.0, 1.0, 2.0, 3.0)))}
    assert measure_in_turn(sides, 3) == pytest.approx({"a": 2, "b": 2000})
    assert order == ["a", "b"] * 4


def test_processor_time_counts_work() -> None:
    assert time_processor(lambda: sum(range(300_000))) > 0
