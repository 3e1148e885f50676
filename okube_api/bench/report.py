"""Formats the results of the benchmarks as a page of Markdown."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from okube_api.bench.growth import GROWTH_GOAL
from okube_api.bench.mongo import EMBEDDED, MONGODB, PIPELINE_GOAL, PIPELINE_WORKLOAD, WARM_GOAL
from okube_api.bench.runner import AGAIN, CLIENTS, FLOOR_BYTES, OKUBE_SIDES, BenchmarkResults
from okube_api.bench.turns import IN_PROCESS, OVER_HTTP, PROCESSOR
from okube_api.bench.workloads import WORKLOADS


def format_markdown(results: BenchmarkResults) -> str:
    """Return the text of `docs/benchmarks.md`."""
    sections = (_introduction, _questions, _load, _live, _mongo, _bulk, _growth)
    return "\n".join(line for section in sections for line in section(results)) + "\n"


def _introduction(results: BenchmarkResults) -> Iterator[str]:
    machine = results.machine
    competitors = ", ".join(_competitors(results))
    packages = ", ".join(f"{name} {number}" for name, number in machine["packages"].items())
    yield from (
        "# Benchmarks",
        "",
        f"okube{f' compared with {competitors}' if competitors else ''}, on the same data. All answer the same",
        "questions in turn. Compare the ratios: times depend on the machine. `okube-api bench` writes this",
        "page; its code is in `okube_api/bench/`, and [performance](performance.md) says what each workload is. The",
        "competitors first load the facts (one row per stay, passage or outcome) from Parquet files into memory,",
        "then answer from there with hand-written queries.",
        "",
        f"Measured {machine['at']} at scale {results.scale:g} (scale 1: 10 million stays, 2 million outcomes with 10",
        f"million touches, 5 million presence stays) on {machine['cores']} cores ({machine['system']}), Python",
        f"{machine['python']}, {packages}.",
        "",
    )


def _questions(results: BenchmarkResults) -> Iterator[str]:
    if not results.times_ms:
        return
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
        "*Ratio*: the time over HTTP divided by that of DuckDB (A1 to A3s) or of the fastest competitor (the others).",
        "",
        "All returned the same numbers. Compared were:",
        "",
    )
    for name, counts in results.equal_numbers.items():
        yield f"- {name}: {', '.join(f'{side} {count:,}' for side, count in counts.items()) or 'no competitor'}"
    yield ""


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


def _mongo(results: BenchmarkResults) -> Iterator[str]:
    if (mongo := results.mongo) is None:
        return
    processes = mongo.processes
    rates = ", ".join(f"{kind} {rate:,.0f}" for kind, rate in mongo.ingested_a_second.items())
    yield from (
        "## MongoDB",
        "",
        f"okube on a server that speaks the protocol of MongoDB {mongo.server}, and on the embedded store, in turns,",
        "with the same data. Both return the same bytes for every question, before and after the small batches.",
        f"Medians in ms; the goal of their ratios is at most {WARM_GOAL}. *CPU*: the ratio of the processor times in",
        "process, which hardly depends on what else the machine does.",
        "",
        "| | over HTTP: embedded | MongoDB | ratio | in process: embedded | MongoDB | ratio | CPU |",
        "|---|---|---|---|---|---|---|---|",
    )
    for workload, times in mongo.times_ms.items():
        cells = []
        for side in (OVER_HTTP, IN_PROCESS, PROCESSOR):
            pair = times[EMBEDDED][side], times[MONGODB][side]
            ratio = f"{pair[1] / pair[0]:.2f}"
            cells += [ratio] if side == PROCESSOR else [*(f"{ms:.2f}" for ms in pair), f"**{ratio}**"]
        yield f"| {workload} | {' | '.join(cells)} |"
    okube_ms = mongo.times_ms[PIPELINE_WORKLOAD][MONGODB][OVER_HTTP]
    yield from (
        "",
        f"{PIPELINE_WORKLOAD} by the plain aggregation pipeline on {mongo.raw_documents:,} raw documents:",
        f"{mongo.pipeline_ms:.0f} ms, {mongo.pipeline_ms / okube_ms:.0f} times as long as okube over HTTP",
        f"(goal at 1 million: {PIPELINE_GOAL}).",
        "",
        f"Events a second from a file until they are visible: {rates}.",
        "",
        "One request of stays, ms until it is answered, and visible:",
        "",
    )
    sizes = list(next(iter(next(iter(mongo.batches_ms.values())).values())))
    yield from (f"| application | store | {' | '.join(sizes)} |", f"|---|---|{'---|' * len(sizes)}")
    for key, stores in mongo.batches_ms.items():
        for store, medians in stores.items():
            yield f"| {key} | {store} | {' | '.join(f'{medians[size]:.0f}' for size in sizes)} |"
    yield from (
        "",
        "16 clients that ask different questions of one server process, and of two on the same database:",
        "",
        "| processes | answers a second | errors | median ms | 99th percentile ms | processor time of an answer, ms |",
        "|---|---|---|---|---|---|",
    )
    for count, load in processes.items():
        cells = [f"{load['a_second']:,.0f}", f"{load['errors']:.0f}"]
        cells += [f"{load[measure]:.0f}" for measure in ("p50_ms", "p99_ms")]
        yield f"| {count} | {' | '.join(cells)} | {load['cpu_ms']:.2f} |"
    yield ""


def _growth(results: BenchmarkResults) -> Iterator[str]:
    if (growth := results.growth) is None:
        return
    scales = [point.scale for point in next(iter(growth.points.values()))]
    yield from (
        "## Growth with the raw rows",
        "",
        "The same questions about the same days at several scales, asked in turns: medians over HTTP in ms, and what",
        f"ten times the rows multiply them by (goal: at most {GROWTH_GOAL}). *Processor time* is that of an answer in",
        "process; *answer* is its length, which grows until every place has events on every day.",
        "",
        f"| | rows | {' | '.join(f'scale {scale:g}' for scale in scales)} | time | processor time | answer |",
        f"|---|---|{'---|' * (len(scales) + 3)}",
    )
    for name, points in growth.points.items():
        tenfold = growth.tenfold[name]
        cells = [f"{points[0].rows:,} to {points[-1].rows:,}", *(f"{point.http_ms:.2f}" for point in points)]
        cells.append(f"**{tenfold['http_ms']:.2f}**")
        cells += [f"{tenfold[measure]:.2f}" for measure in ("cpu_ms", "answer_bytes")]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def _live(results: BenchmarkResults) -> Iterator[str]:
    for name, (title, tabulate) in _LIVE_TABLES.items():
        if (result := results.live.get(name)) is not None:
            yield from (f"## {title}", "")
            yield from tabulate(result)
            yield ""


def _tabulate_process(result: Any) -> Iterator[str]:
    yield from ("| store | start, s | start to first answer, s | memory before it, MiB |", "|---|---|---|---|")
    for store, each in result.items():
        times = (f"{each['start_s']:.2f}", f"{each['start_to_first_answer_s']:.2f}", f"{each['idle_mib']:.0f}")
        yield f"| {' | '.join((store, *times))} |"


def _tabulate_cold(result: Any) -> Iterator[str]:
    yield "| question | first ever, ms | first after a restart, ms | first after one new stay, ms | again, ms |"
    yield "|---|---|---|---|---|"
    for workload, each in result.items():
        times = (each[name] for name in ("after_start_ms", "after_restart_ms", "after_new_data_ms", "warm_ms"))
        yield f"| {workload} | {' | '.join(f'{ms:.1f}' for ms in times)} |"


def _tabulate_clients(result: Any) -> Iterator[str]:
    yield f"{result['a_second']:,.0f} answers a second, {result['errors']} errors."
    yield from ("", "| questions | answers | median ms | 99th percentile ms |", "|---|---|---|---|")
    for label, each in sorted(result["by_label"].items()):
        yield f"| {label} | {each['answers']:,} | {each['p50_ms']:.0f} | {each['p99_ms']:.0f} |"


def _tabulate_batches(result: Any) -> Iterator[str]:
    sizes = list(next(iter(result["stored_ms"].values())))
    yield from (f"| application | ms until | {' | '.join(sizes)} |", f"|---|---|{'---|' * len(sizes)}")
    for key in result["stored_ms"]:
        for name, times in (("stored (`wait=false`)", result["stored_ms"]), ("visible", result["visible_ms"])):
            yield f"| {key} | {name} | {' | '.join(f'{times[key][size]:.0f}' for size in sizes)} |"


def _tabulate_collectors(result: Any) -> Iterator[str]:
    events = result["events"]
    yield f"{events['a_second']:,.0f} events a second in {events['requests']:,} requests, {events['errors']} errors."
    yield from ("", "| | median ms | 99th percentile ms |", "|---|---|---|")
    for name, times in (("request to stored", events), ("request to visible", events["visible"])):
        if "p50_ms" in times:
            yield f"| {name} | {times['p50_ms']:.0f} | {times['p99_ms']:.0f} |"
    yield from ("", "Meanwhile:", "")
    yield from _tabulate_clients(result["questions"])


def _tabulate_stages(result: Any) -> Iterator[str]:
    stages = list(dict.fromkeys(stage for each in result.values() for stage in each["shares"]))
    yield from (f"| | ms | {' | '.join(stages)} |", f"|---|---|{'---|' * len(stages)}")
    for workload, each in result.items():
        shares = (f"{each['shares'].get(stage, 0):.0%}" for stage in stages)
        yield f"| {workload} | {each['cpu_ms']:.1f} | {' | '.join(shares)} |"


_LIVE_TABLES: Mapping[str, tuple[str, Callable[[Any], Iterator[str]]]] = {
    "process": ("The process", _tabulate_process),
    "cold": ("First questions", _tabulate_cold),
    "different": ("16 clients that ask different questions", _tabulate_clients),
    "request": ("One request of 1, 10 or 500 stays", _tabulate_batches),
    "stages": ("Processor time of an answer that is not cached, and its stages", _tabulate_stages),
    "J": ("Collectors that send 20,000 events a second, and 16 clients", _tabulate_collectors),
}


def _bulk(results: BenchmarkResults) -> Iterator[str]:
    if (bulk := results.bulk) is None:
        return
    yield from ("## Bulk work", "", "| | | goal |", "|---|---|---|")
    for suffix, rate in bulk.pings_a_second.items():
        yield f"| pings per second from a file of {suffix} until visible | {rate:,.0f} | 400,000 |"
        yield f"| peak memory of that command | {bulk.pings_mib[suffix]:,.0f} MiB | 1,024 MiB |"
    if bulk.import_s:
        yield f"| import of the sites | {bulk.import_s:.1f} s | 15 s |"
        goal = f"2 times the floor ({bulk.floor_ms:.2f} ms)"
        yield f"| a page of 25 sites found by `q` | {bulk.page_ms:.2f} ms | {goal} |"
        yield f"| rows per second of sites as CSV | {bulk.exported_a_second:,.0f} | 30,000 |"
    yield ""
