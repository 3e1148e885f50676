"""Runs the benchmarks and writes their results."""

from importlib.util import find_spec
from pathlib import Path

import typer

from okube_api.bench.numbers import NumbersDiffer
from okube_api.bench.plots import draw_plots
from okube_api.bench.report import format_markdown
from okube_api.bench.runner import ALL_WORKLOADS, run_benchmarks
from okube_api.cli.runtime import echo, fail


def bench(
    folder: Path, *, scale: float, rounds: int, works: str, seconds: float, results: Path | None, plots: bool
) -> None:
    """Run the workloads named in `works` (comma-separated, all when empty); print or store the results."""
    names = [name.strip() for name in works.split(",") if name.strip()] or ALL_WORKLOADS
    if unknown := [name for name in names if name not in ALL_WORKLOADS]:
        fail(f"Unknown workload '{unknown[0]}'. Known workloads: {', '.join(ALL_WORKLOADS)}.")
    if plots and results is None:
        fail("Plots are written next to the results: pass --results, too.")
    if plots and find_spec("matplotlib") is None:
        fail("Plots need Matplotlib, which is not installed: pip install 'okube-api[bench]', or leave --plots out.")
    try:
        outcome = run_benchmarks(folder, scale, rounds, names, seconds=seconds, echo=echo)
    except NumbersDiffer as error:
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
