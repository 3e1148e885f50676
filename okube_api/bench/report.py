"""Formats the results of the benchmarks as a page of Markdown."""

from collections.abc import Iterator, Sequence

from okube_api.bench.runner import AGAIN, CLIENTS, FLOOR_BYTES, IN_PROCESS, OKUBE_SIDES, OVER_HTTP, BenchmarkResults
from okube_api.bench.workloads import WORKLOADS


def format_markdown(results: BenchmarkResults) -> str:
    """Return the text of `docs/benchmarks.md`."""
    sections = (_introduction(results), _questions(results), _load(results), _bulk(results))
    return "\n".join(line for section in sections for line in section) + "\n"


def _introduction(results: BenchmarkResults) -> Iterator[str]:
    machine = results.machine
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    yield from (
        "# Benchmarks",
        "",
        "okube compared with DuckDB, chDB and Polars on the same data. All run in one process and answer the",
        "same questions in turn. Compare the ratios: times depend on the machine. `okube-api bench` writes this",
        "page; its code is in `okube_api/bench/`. The competitors first load the facts (one row per stay,",
        "passage or outcome) from Parquet files into memory, then answer from there with hand-written queries.",
        "",
        f"Measured {machine['at']} at scale {results.scale:g} (scale 1: 10 million stays, 2 million outcomes with 10",
        f"million touches, 5 million presence stays) on {machine['cores']} cores ({machine['system']}), Python",
        f"{machine['python']}, {packages}.",
        "",
    )


def _questions(results: BenchmarkResults) -> Iterator[str]:
    competitors = _competitors(results)
    yield from (
        "## Questions",
        "",
        "Medians in ms. *Over HTTP*: the whole request on a keep-alive connection, with the token checked and the",
        "answer cache empty. *In process*: the same without HTTP. *Again*: the same request, answered from the",
        "cache. *Floor*: a response of the same size whose bytes were prepared beforehand.",
        "",
        f"| | question | over HTTP | in process | {' | '.join(competitors)} | ratio | goal | again | floor |",
        f"|---|---|{'---|' * (len(competitors) + 6)}",
    )
    for workload in WORKLOADS:
        if (times := results.times_ms.get(workload.name)) is None:
            continue
        cells = [f"{times[side]:.2f}" if side in times else "" for side in (OVER_HTTP, IN_PROCESS, *competitors)]
        ratio = results.ratio(workload)
        cells += ["" if ratio is None else f"**{ratio:.3f}**", "" if workload.goal is None else f"{workload.goal:g}"]
        cells += [f"{times[side]:.2f}" for side in (AGAIN, FLOOR_BYTES)]
        yield f"| {workload.name} | {workload.question} | {' | '.join(cells)} |"
    yield from (
        "",
        "*Ratio*: the time over HTTP divided by that of DuckDB (A1 to A4) or of the fastest competitor (the others).",
        "",
    )


def _competitors(results: BenchmarkResults) -> Sequence[str]:
    sides = dict.fromkeys(side for times in results.times_ms.values() for side in times)
    return tuple(side for side in sides if side not in OKUBE_SIDES)


def _load(results: BenchmarkResults) -> Iterator[str]:
    if not results.crowds:
        return
    yield from (
        f"## {CLIENTS} clients at once",
        "",
        "One server process; the clients run on the same machine.",
        "",
        "| question | | answers per second | errors | median ms | 99th percentile ms |",
        "|---|---|---|---|---|---|",
    )
    for load in results.crowds:
        rates = (f"{load.a_second:,.0f}", str(load.errors), f"{load.p50_ms:.1f}", f"{load.p99_ms:.1f}")
        yield f"| {' | '.join((load.work, load.side, *rates))} |"
    yield ""


def _bulk(results: BenchmarkResults) -> Iterator[str]:
    if (bulk := results.bulk) is None:
        return
    yield from ("## Bulk work", "", "| | | goal |", "|---|---|---|")
    for suffix, rate in bulk.pings_a_second.items():
        yield f"| pings per second from a file of {suffix} until visible | {rate:,.0f} | 200,000 |"
        yield f"| peak memory of that command | {bulk.pings_mib[suffix]:,.0f} MiB | 1,024 MiB |"
    yield f"| import of the sites | {bulk.import_s:.1f} s | |"
    yield f"| a page of 25 sites found by `q` | {bulk.page_ms:.2f} ms | 3 times the floor ({bulk.floor_ms:.2f} ms) |"
    yield f"| rows per second of sites as CSV | {bulk.exported_a_second:,.0f} | 30,000 |"
