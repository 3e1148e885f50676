"""Runs the benchmarks and writes their results."""

from pathlib import Path

import typer

from okube_api.bench.report import format_markdown
from okube_api.bench.runner import run_benchmarks
from okube_api.bench.workloads import WORKLOADS
from okube_api.cli.runtime import echo, fail


def bench(folder: Path, *, scale: float, rounds: int, works: str, bulk: bool, results: Path | None) -> None:
    """Run the workloads named in `works` (comma-separated, all when empty); print or store the results."""
    known_names = [workload.name for workload in WORKLOADS]
    names = [name.strip() for name in works.split(",") if name.strip()] or known_names
    if unknown := [name for name in names if name not in known_names]:
        fail(f"Unknown question '{unknown[0]}'. Known questions: {', '.join(known_names)}.")
    outcome = run_benchmarks(folder, scale, rounds, names, with_bulk=bulk, echo=echo)
    text = format_markdown(outcome)
    if results is None:
        typer.echo(text)
        return
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_bytes(outcome.as_json())
    results.with_suffix(".md").write_text(text, encoding="utf-8")
    echo(f"The results are in {results} and {results.with_suffix('.md')}.")
