"""Results as a table for people."""

from collections.abc import Iterator, Sequence

from okube_api.bench.runner import AGAIN, CLIENTS, IN_PROCESS, OVER_HTTP, READY, Found
from okube_api.bench.workloads import WORKS


def as_markdown(found: Found) -> str:
    """The text of `docs/benchmarks.md`."""
    return "\n".join([*_head(found), *_works(found), *_crowd(found), *_bulk(found)]) + "\n"


def _head(found: Found) -> Iterator[str]:
    machine = found.machine
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    yield from (
        "# Benchmarks",
        "",
        "The product beside what people would use in its place, on the same rows, in one process, asked in turn. The",
        "ratios are what counts; times depend on the machine. Written by `okube-api bench`; how it works is said in",
        "`okube_api/bench/`. Those beside it read the facts (one row a thing that happened) as Parquet into memory",
        "first, and answer from there by queries written by hand.",
        "",
        f"Made {machine['at']} at scale {found.scale:g} (1: 10 million stays, 2 million outcomes with 10 million",
        f"touches, 5 million presence stays) on {machine['cores']} cores ({machine['system']}), Python",
        f"{machine['python']}, {packages}.",
        "",
    )


def _works(found: Found) -> Iterator[str]:
    others = _others(found)
    yield from (
        "## Questions",
        "",
        "Medians in ms. *Over HTTP*: the whole answer on a kept-alive connection, the token checked, no answer kept.",
        "*Again*: the same question once more. *Floor*: ready-made bytes of the same size.",
        "",
        f"| | question | over HTTP | in process | {' | '.join(others)} | ratio | goal | again | floor |",
        f"|---|---|{'---|' * (len(others) + 6)}",
    )
    for work in WORKS:
        if (times := found.times_ms.get(work.name)) is None:
            continue
        cells = [f"{times[side]:.2f}" if side in times else "" for side in (OVER_HTTP, IN_PROCESS, *others)]
        ratio = found.ratio(work)
        judged = ["" if ratio is None else f"**{ratio:.3f}**", "" if work.goal is None else f"{work.goal:g}"]
        rest = [f"{times[side]:.2f}" for side in (AGAIN, READY)]
        yield f"| {work.name} | {work.about} | {' | '.join((*cells, *judged, *rest))} |"
    yield from ("", "*Ratio*: over HTTP, in times of DuckDB for A1 to A4, of the fastest beside it for the others.", "")


def _others(found: Found) -> Sequence[str]:
    known = (OVER_HTTP, IN_PROCESS, AGAIN, READY)
    return tuple(dict.fromkeys(side for times in found.times_ms.values() for side in times if side not in known))


def _crowd(found: Found) -> Iterator[str]:
    if not found.crowds:
        return
    yield from (
        f"## {CLIENTS} clients at once",
        "",
        "One server process, its clients on the same machine.",
        "",
        "| question | | answers a second | errors | median ms | 99 % ms |",
        "|---|---|---|---|---|---|",
    )
    for one in found.crowds:
        cells = (one.work, one.side, f"{one.a_second:,.0f}", str(one.errors), f"{one.p50_ms:.1f}", f"{one.p99_ms:.1f}")
        yield f"| {' | '.join(cells)} |"
    yield ""


def _bulk(found: Found) -> Iterator[str]:
    if (bulk := found.bulk) is None:
        return
    yield from ("## In bulk", "", "| | | goal |", "|---|---|---|")
    for suffix, rate in bulk.pings_a_second.items():
        yield f"| pings as {suffix}, file to visible, a second | {rate:,.0f} | 200,000 |"
        yield f"| most memory of that command | {bulk.pings_mib[suffix]:,.0f} MiB | 1,024 MiB |"
    yield f"| import of the sites | {bulk.import_s:.1f} s | |"
    yield f"| a page of 25 sites by `q` | {bulk.page_ms:.2f} ms | 3 times the floor ({bulk.floor_ms:.2f} ms) |"
    yield f"| sites as CSV, rows a second | {bulk.exported_a_second:,.0f} | 30,000 |"
