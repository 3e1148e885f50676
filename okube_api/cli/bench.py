"""Runs the benchmarks and writes their results."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import typer

from okube_api.bench.mongo_database import DatabaseRefused
from okube_api.bench.numbers import NumbersDiffer
from okube_api.bench.plots import draw_plots
from okube_api.bench.report import format_markdown
from okube_api.bench.runner import ALL_WORKLOADS, MONGO_WORKLOAD, RunOptions, run_benchmarks
from okube_api.cli.runtime import echo, fail
from okube_api.store.errors import StoreError

LEAST_SCALE, MOST_SCALE = 0.0001, 10


def bench(options: RunOptions, works: str, results: Path | None, *, plots: bool) -> None:
    """Run the workloads named in `works` (comma-separated, all when empty); print or store the results.

    options: their names are replaced.
    """
    names = [name.strip() for name in works.split(",") if name.strip()] or [
        name for name in ALL_WORKLOADS if name != MONGO_WORKLOAD or options.mongo_url is not None
    ]
    if unknown := [name for name in names if name not in ALL_WORKLOADS]:
        fail(f"Unknown workload '{unknown[0]}'. Known workloads: {', '.join(ALL_WORKLOADS)}.")
    if (MONGO_WORKLOAD in names) != (options.mongo_url is not None):
        fail("The workload mongo needs --mongo with the URL of a server, and --mongo needs the workload mongo.")
    if plots and results is None:
        fail("Plots are written next to the results: pass --results, too.")
    if plots and find_spec("matplotlib") is None:
        fail("Plots need Matplotlib, which is not installed: pip install 'okube-api[bench]', or leave --plots out.")
    try:
        outcome = run_benchmarks(replace(options, names=names), echo)
    except (NumbersDiffer, DatabaseRefused, StoreError) as error:
        fail(str(error))
    text = format_markdown(outcome)
    if results is None:
        typer.echo(text)
        return
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_bytes(outcome.as_json())
    results.with_suffix(".md").write_text(text, encoding="utf-8")
    written = [results, results.with_suffix(".md"), *(draw_plots(outcome, results) if plots else ())]
    echo(f"The results are in {', '.join(map(str, written))}.")


def parse_scales(text: str) -> list[float]:
    """Return the scales in ascending order; end the command unless there are at least two."""
    try:
        scales = sorted({float(part) for part in text.split(",")})
    except ValueError:
        scales = []
    if len(scales) < 2 or not all(LEAST_SCALE <= scale <= MOST_SCALE for scale in scales):
        fail(f"--scales needs at least two numbers from {LEAST_SCALE} to {MOST_SCALE}, such as 0.01,0.1,1.")
    return scales
