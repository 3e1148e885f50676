"""Measures how the time of an answer grows with the raw rows: the same questions about the same days at several scales.

All servers run in this process and are asked in turns.
"""

import math
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from okube_api.bench.server import BenchServer
from okube_api.bench.turns import OVER_HTTP, PROCESSOR, Side, measure_in_turn
from okube_api.bench.workloads import WORKLOADS, Workload
from okube_api.bench.world import Echo, Size, get_or_create_application
from okube_api.catalogue.kpi import Module
from okube_api.settings import Settings

GROWTH_GOAL = 1.1
"""What ten times the raw rows may multiply the time of an answer by."""
_EVENT_KINDS: Mapping[Module, str] = {
    Module.GEO_MARKETING: "stays",
    Module.CONVERSION: "touches",
    Module.PRESENCE: "detections",
}


@dataclass(frozen=True, slots=True)
class GrowthPoint:
    """A question at one scale.  The field names are keys of `benchmarks/results/*.json`.

    rows: number of raw events of the kind that the question is about.
    answer_bytes: length of the answer, which grows while there are still places and days without events.
    http_ms, cpu_ms: medians of the time over HTTP, and of the processor time in process.
    """

    scale: float
    rows: int
    answer_bytes: int
    http_ms: float
    cpu_ms: float


@dataclass(slots=True)
class Growth:
    """Results of the workload.  The field names are keys of `benchmarks/results/*.json`.

    points: by workload, one for each scale in ascending order.
    tenfold: by workload, what ten times the rows multiply `http_ms`, `cpu_ms` and `answer_bytes` by.
    """

    points: dict[str, list[GrowthPoint]] = field(default_factory=dict)
    tenfold: dict[str, dict[str, float]] = field(default_factory=dict)


def run_growth(folder: Path, scales: Sequence[float], settings: Settings, rounds: int, echo: Echo) -> Growth:
    """Time all questions at these scales, each on the store of the scale in the folder, which is created if absent.

    settings: those of the servers, but for the store.
    """
    growth = Growth()
    with ExitStack() as stack:
        sides: dict[tuple[str, float, str], Side] = {}
        answer_bytes: dict[tuple[str, float], int] = {}
        for scale in scales:
            store_url = f"duckdb:{store_path(folder, scale)}"
            server = stack.enter_context(BenchServer(settings.model_copy(update={"store_url": store_url})))
            application = server.run(get_or_create_application(server.services, folder, Size(scale), echo))
            client, scope = server.log_in(application.id), server.build_scope(application)
            for workload in WORKLOADS:
                answer_bytes[workload.name, scale] = len(client.post(workload.path, workload.body))
                for side, ask in server.build_sides(client, workload, scope).items():
                    sides[workload.name, scale, side] = ask
        for workload in WORKLOADS:
            name = workload.name
            turns = {(scale, side): sides[name, scale, side] for scale in scales for side in (OVER_HTTP, PROCESSOR)}
            times_ms = measure_in_turn(turns, rounds)
            growth.points[name] = [
                GrowthPoint(
                    scale,
                    count_rows(workload, scale),
                    answer_bytes[name, scale],
                    times_ms[scale, OVER_HTTP],
                    times_ms[scale, PROCESSOR],
                )
                for scale in scales
            ]
            growth.tenfold[name] = fit_tenfold(growth.points[name])
            cells = ", ".join(f"{point.rows:,} rows {point.http_ms:.2f} ms" for point in growth.points[name])
            echo(f"growth {name}: {cells}; ten times the rows: {growth.tenfold[name]['http_ms']:.2f} times the time")
    return growth


def store_path(folder: Path, scale: float) -> Path:
    """Return the path of the store of a scale."""
    return folder / f"bench-{scale:g}.duckdb"


def count_rows(workload: Workload, scale: float) -> int:
    """Return the number of raw events of the kind that a question is about."""
    return Size(scale).events[_EVENT_KINDS[workload.module]]


def fit_tenfold(points: Sequence[GrowthPoint]) -> dict[str, float]:
    """Return what ten times the rows multiply each measure by: 10 to the slope of the logarithms (least squares).

    1 without different numbers of rows.
    """
    measures = ("http_ms", "cpu_ms", "answer_bytes")
    rows = np.log10([point.rows for point in points])
    if np.ptp(rows) == 0:
        return dict.fromkeys(measures, 1.0)
    values = {name: [asdict(point)[name] for point in points] for name in measures}
    return {name: math.pow(10, np.polyfit(rows, np.log10(each), 1)[0]) for name, each in values.items()}
