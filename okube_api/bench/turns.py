"""Times several systems in turns, so that whatever else the machine does slows all of them."""

import statistics
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

Key = TypeVar("Key")
Side = Callable[[], float]
"""Asks once and returns the seconds."""
OVER_HTTP, IN_PROCESS, PROCESSOR = "over HTTP", "in process", "processor time"
"""Ways to time a question that is not in the answer cache; the last one is the processor time in process."""


def time_call(ask: Callable[[], object]) -> float:
    """Return the seconds that a call takes."""
    started_s = time.perf_counter()
    ask()
    return time.perf_counter() - started_s


def time_processor(ask: Callable[[], object]) -> float:
    """Return the seconds of processor time that all threads of this process use during a call.

    It hardly depends on what other processes do.
    """
    started_s = time.process_time()
    ask()
    return time.process_time() - started_s


def measure_in_turn(sides: Mapping[Key, Side], rounds: int) -> dict[Key, float]:
    """Return the median time of each side in ms, without the first round, which warms up."""
    times_ms: dict[Key, list[float]] = {name: [] for name in sides}
    for _ in range(rounds + 1):
        for name, ask in sides.items():
            times_ms[name].append(ask() * 1000)
    return {name: statistics.median(times[1:]) for name, times in times_ms.items()}
