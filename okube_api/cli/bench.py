"""The benchmarks from the command line."""

from pathlib import Path

import typer

from okube_api.bench.report import as_markdown
from okube_api.bench.runner import run
from okube_api.bench.workloads import WORKS
from okube_api.cli.runtime import fail, console


def bench(folder: Path, *, scale: float, rounds: int, works: str, bulk: bool, results: Path | None) -> None:
    """The command."""
    known = [work.name for work in WORKS]
    names = [name.strip() for name in works.split(",") if name.strip()] or known
    if unknown := [name for name in names if name not in known]:
        fail(f"there is no work '{unknown[0]}'. There are: {', '.join(known)}.")
    found = run(folder, scale, rounds, names, with_bulk=bulk, say=lambda text: console.print(text, markup=False))
    text = as_markdown(found)
    if results is None:
        typer.echo(text)
        return
    results.parent.mkdir(parents=True, exist_ok=True)
    results.write_bytes(found.as_json())
    results.with_suffix(".md").write_text(text, encoding="utf-8")
    console.print(f"Results are in {results} and {results.with_suffix('.md')}.", markup=False)
