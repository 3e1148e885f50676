"""Times bulk work: files of pings until they are visible; import, list and export of many sites."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from okube_api.api.container import build_services
from okube_api.auth.secret import load_secret_key
from okube_api.bench.server import FLOOR, BenchServer
from okube_api.bench.turns import measure_in_turn, time_call
from okube_api.bench.world import (
    KEY,
    SITES,
    Echo,
    Size,
    coordinates,
    create_documents,
    draw_times,
    draw_users,
    format_names,
    split_count,
    to_instants,
)
from okube_api.clock import utc_now
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store_schema import SCHEMA

_PINGS, _SITES, _ROUNDS = 10_000_000, 100_000, 8
_AT_SITE = 0.4  # share of pings


@dataclass(slots=True)
class BulkResults:
    """Results of bulk work.  The field names are keys of `benchmarks/results/*.json`.

    pings_a_second, pings_mib: rate and peak memory of the whole command, by format.
    page_ms: time of a page of 25 sites found by `q`.
    floor_ms: time of a response of the same size whose bytes were prepared beforehand.
    """

    pings_a_second: dict[str, float] = field(default_factory=dict)
    pings_mib: dict[str, float] = field(default_factory=dict)
    import_s: float = 0.0
    page_ms: float = 0.0
    floor_ms: float = 0.0
    exported_a_second: float = 0.0
    first_byte_s: float = 0.0


BULK_WORKLOADS = {"I", "L"}


def run_bulk(folder: Path, scale: float, names: Collection[str], echo: Echo) -> BulkResults:
    """Run the bulk work of these names in separate stores, which are removed at the end."""
    results, size = BulkResults(), Size(scale)
    if "I" in names:
        for suffix in ("ndjson", "parquet"):
            _time_pings(results, folder, suffix, size.rows(_PINGS), echo)
    if "L" in names:
        _time_sites(results, folder, size.rows(_SITES), echo)
    return results


# -- pings ---------------------------------------------------------------------------------------------------------


def _time_pings(results: BulkResults, folder: Path, suffix: str, count: int, echo: Echo) -> None:
    file, store = folder / f"pings.{suffix}", folder / "pings.duckdb"
    _write_pings(file, count)
    store.unlink(missing_ok=True)
    url = f"duckdb:{store}"
    asyncio.run(_create_application(url))
    program = [sys.executable, "-m"]
    command = [*program, "okube_api.bench.timing", *program, "okube_api.cli", "ingest", KEY, "pings", str(file)]
    environment = {**os.environ, "OKUBE_STORE_URL": url}
    usage = orjson.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    rate, mib = count / usage["seconds"], usage["mib"]
    results.pings_a_second[suffix], results.pings_mib[suffix] = rate, mib
    echo(f"I: {count:,} pings as {suffix}: {rate:,.0f} per second, {mib:,.0f} MiB")
    file.unlink()
    store.unlink()


async def _create_application(url: str) -> None:
    settings = Settings(store_url=url)
    store = open_store(url, SCHEMA)
    await store.start()
    try:
        services = build_services(settings, store, utc_now, load_secret_key(settings))
        document = await services.applications.create({"key": KEY, "name": "Benchmark", "timezone": "Europe/Paris"})
        await create_documents(services, Application.from_document(document))
    finally:
        await store.close()


def _write_pings(file: Path, count: int) -> None:
    random = np.random.default_rng(1)
    writer: pq.ParquetWriter | None = None
    with file.open("wb") as lines:
        for size in split_count(count):
            rows = _draw_pings(random, size)
            if file.suffix == ".ndjson":
                lines.write("\n".join(_format_lines(rows).to_pylist()).encode() + b"\n")
                continue
            writer = writer or pq.ParquetWriter(lines, rows.schema)
            writer.write_table(rows)
        if writer is not None:
            writer.close()


def _draw_pings(random: np.random.Generator, size: int) -> pa.Table:
    """Return pings ordered by time, some at sites (see `world.coordinates`), the others anywhere in the region."""
    at_site, (east, north) = random.random(size) < _AT_SITE, coordinates(random.integers(0, SITES, size))
    lng = np.where(at_site, east, random.uniform(1, 5, size)) + random.normal(0, 0.0003, size)
    lat = np.where(at_site, north, random.uniform(43, 47, size)) + random.normal(0, 0.0002, size)
    return pa.table(
        {
            "user": format_names("user-", draw_users(random, size)),
            "at": to_instants(draw_times(random, size)),
            "lng": np.round(lng, 6),
            "lat": np.round(lat, 6),
        }
    )


def _format_lines(rows: pa.Table) -> pa.ChunkedArray:
    user, at, lng, lat = (rows[name] for name in ("user", "at", "lng", "lat"))
    texts = (user, pc.strftime(at, "%Y-%m-%dT%H:%M:%SZ"), lng.cast(pa.string()), lat.cast(pa.string()))
    parts: list[object] = []
    for before, text in zip(('{"user":"', '","at":"', '","lng":', ',"lat":'), texts, strict=True):
        parts += [pa.scalar(before), text]
    return pc.binary_join_element_wise(*parts, pa.scalar("}"), "")


# -- sites ---------------------------------------------------------------------------------------------------------


def _time_sites(results: BulkResults, folder: Path, count: int, echo: Echo) -> None:
    store = folder / "sites.duckdb"
    store.unlink(missing_ok=True)
    with BenchServer(Settings(store_url=f"duckdb:{store}", rate_limit=None, log_level="error")) as server:
        document = server.run(server.services.applications.create({"key": KEY, "name": "Benchmark"}))
        client = server.log_in(document["_id"], editor=True)
        lines = [f"site-{n},Shop {n} in town {n % 997},{44 + n % 5000 / 1000},{n % 7000 / 1000}" for n in range(count)]
        table = "key,name,lat,lng\n" + "\n".join(lines)
        mapper = {f"mapper[{name}]": column for name, column in _MAPPER.items()}
        with httpx.Client(base_url=f"http://127.0.0.1:{server.port}", timeout=600) as http:
            url, headers = f"/applications/{KEY}/sites", {"Authorization": client.headers["Authorization"]}
            started = time.perf_counter()
            http.post(
                f"{url}/import", files={"file": ("sites.csv", table)}, data=mapper, headers=headers
            ).raise_for_status()
            results.import_s = time.perf_counter() - started
            _time_export(results, http, url, headers)
        page = f"{url}?q=town%2042&per_page=25"
        server.set_floor(client.get(page))
        sides: Mapping[str, Callable[[], bytes]] = {
            "page": lambda: client.get(page),
            "floor": lambda: client.post(FLOOR, {}),
        }
        times_ms = measure_in_turn({name: partial(time_call, ask) for name, ask in sides.items()}, _ROUNDS)
        results.page_ms, results.floor_ms = times_ms["page"], times_ms["floor"]
    store.unlink()
    echo(
        f"L: {count:,} sites imported in {results.import_s:.1f} s; a page found by q {results.page_ms:.1f} ms "
        f"(floor {results.floor_ms:.1f}); {results.exported_a_second:,.0f} rows per second as CSV"
    )


_MAPPER = {"key": "key", "name": "name", "latitude": "lat", "longitude": "lng"}


def _time_export(results: BulkResults, http: httpx.Client, url: str, headers: Mapping[str, str]) -> None:
    started, rows = time.perf_counter(), 0
    with http.stream("GET", url, headers={**headers, "Accept": "text/csv", "Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        for number, piece in enumerate(answer.iter_raw()):
            if number == 0:
                results.first_byte_s = time.perf_counter() - started
            rows += piece.count(b"\n")
    results.exported_a_second = rows / (time.perf_counter() - started)
