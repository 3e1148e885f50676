"""Draws the results of the benchmarks as SVG; Matplotlib comes from the extra `bench`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from okube_api.bench.mongo import PIPELINE, PIPELINE_WORKLOAD
from okube_api.bench.runner import AGAIN, FLOOR_BYTES, BenchmarkResults
from okube_api.bench.turns import IN_PROCESS, OVER_HTTP

_UNPLOTTED = (AGAIN, FLOOR_BYTES, IN_PROCESS)
_WIDTH = 0.8  # of all bars of a group


def draw_plots(results: BenchmarkResults, path: Path) -> list[Path]:
    """Write the plots next to `path`, which is that of the results; return their paths."""
    written = []
    if results.times_ms:
        bars = {
            workload: {
                "okube" if side == OVER_HTTP else side: ms for side, ms in times.items() if side not in _UNPLOTTED
            }
            for workload, times in results.times_ms.items()
        }
        written.append(path.with_name(f"{path.stem}-questions.svg"))
        _draw_bars(bars, f"Median times at scale {results.scale:g}", "ms", written[-1])
    latencies = _collect_latencies(results)
    if latencies:
        written.append(path.with_name(f"{path.stem}-clients.svg"))
        _draw_bars(latencies, f"16 clients, all questions different, at scale {results.scale:g}", "ms", written[-1])
    if results.mongo is not None:
        written.append(path.with_name(f"{path.stem}-mongo.svg"))
        stores = {
            workload: {store: times[OVER_HTTP] for store, times in each.items()}
            for workload, each in results.mongo.times_ms.items()
        }
        stores[PIPELINE_WORKLOAD][PIPELINE] = results.mongo.pipeline_ms
        _draw_bars(stores, f"Median times over HTTP on both stores at scale {results.scale:g}", "ms", written[-1])
    if results.growth is not None:
        written.append(path.with_name(f"{path.stem}-growth.svg"))
        lines = {
            name: [(point.rows, point.http_ms) for point in points] for name, points in results.growth.points.items()
        }
        _draw_lines(lines, "Time of an answer by number of raw rows", ("raw rows", "ms"), written[-1])
    return written


def _collect_latencies(results: BenchmarkResults) -> dict[str, dict[str, float]]:
    """Return p50 and p99 by kind of question, with and without ingest."""
    different, ingest = results.live.get("different"), results.live.get("J")
    loads = {"no ingest": different, "events come in": ingest and ingest["questions"]}
    return {
        f"{label}, {name}": {"p50": times["p50_ms"], "p99": times["p99_ms"]}
        for name, load in loads.items()
        if load
        for label, times in sorted(load["by_label"].items())
    }


def _draw_bars(groups: dict[str, dict[str, float]], title: str, unit: str, path: Path) -> None:
    """Write a plot of a group of bars for each entry, on a logarithmic axis."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1.5 + 1.1 * len(groups), 4), layout="constrained")
    axes: Any = figure.subplots()
    names = list(dict.fromkeys(name for bars in groups.values() for name in bars))
    for place, name in enumerate(names):
        offset = (place - (len(names) - 1) / 2) * _WIDTH / len(names)
        points = [(at + offset, bars[name]) for at, bars in enumerate(groups.values()) if name in bars]
        axes.bar(*zip(*points, strict=True), width=_WIDTH / len(names), label=name)
    axes.set_xticks(range(len(groups)), groups)
    axes.set_yscale("log")
    axes.set_ylabel(unit)
    axes.set_title(title)
    axes.legend(fontsize="small")
    figure.savefig(path)


def _draw_lines(
    lines: Mapping[str, Sequence[tuple[float, float]]], title: str, labels: tuple[str, str], path: Path
) -> None:
    """Write a plot of a line for each entry, on two logarithmic axes with these labels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7, 4.5), layout="constrained")
    axes: Any = figure.subplots()
    for name, points in lines.items():
        axes.plot(*zip(*points, strict=True), marker="o", label=name)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.set_title(title)
    axes.legend(fontsize="small", loc="center left", bbox_to_anchor=(1, 0.5))
    figure.savefig(path)
