"""Works of bulk: files of pings until they are visible, and many sites imported, listed and exported."""

import asyncio
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
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
from okube_api.bench.world import KEY, SITES, Echo, Size, coordinates, create_documents, to_instants, format_names, split_count, draw_users, draw_times
from okube_api.clock import utc_now
from okube_api.kit.application import Application
from okube_api.settings import Settings
from okube_api.store import open_store
from okube_api.store_schema import SCHEMA

_PINGS, _SITES, _ROUNDS = 10_000_000, 100_000, 9
_NEAR = 0.4  # of pings are at a site


@dataclass(slots=True)
class BulkResults:
    """What was found.

    pings_a_second, pings_mib: by format, of the whole command: rate, and most memory.  page_ms: of 25 sites by `q`;
    floor_ms: of ready-made bytes of the same size.
    """

    pings_a_second: dict[str, float] = field(default_factory=dict)
    pings_mib: dict[str, float] = field(default_factory=dict)
    import_s: float = 0.0
    page_ms: float = 0.0
    floor_ms: float = 0.0
    exported_a_second: float = 0.0
    first_byte_s: float = 0.0


def run_bulk(folder: Path, scale: float, say: Echo) -> BulkResults:
    """Runs them in stores of their own, which are removed."""
    found, size = BulkResults(), Size(scale)
    for suffix in ("ndjson", "parquet"):
        _pings(found, folder, suffix, size.rows(_PINGS), say)
    _sites(found, folder, size.rows(_SITES), say)
    return found


# -- pings ---------------------------------------------------------------------------------------------------------


def _pings(found: BulkResults, folder: Path, suffix: str, count: int, say: Echo) -> None:
    file, store = folder / f"pings.{suffix}", folder / "pings.duckdb"
    _write_pings(file, count)
    store.unlink(missing_ok=True)
    url = f"duckdb:{store}"
    asyncio.run(_placed(url))
    program = [sys.executable, "-m"]
    command = [*program, "okube_api.bench.timing", *program, "okube_api.cli", "ingest", KEY, "pings", str(file)]
    environment = {**os.environ, "OKUBE_STORE_URL": url}
    told = orjson.loads(subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True).stdout)
    rate, mib = count / told["seconds"], told["mib"]
    found.pings_a_second[suffix], found.pings_mib[suffix] = rate, mib
    say(f"I: {count:,} pings as {suffix}: {rate:,.0f} a second, {mib:,.0f} MiB")
    file.unlink()
    store.unlink()


async def _placed(url: str) -> None:
    settings = Settings(store_url=url)
    store = open_store(url, SCHEMA)
    await store.start()
    try:
        services = build_services(settings, store, utc_now, load_secret_key(settings))
        made = await services.applications.create({"key": KEY, "name": "Benchmark", "timezone": "Europe/Paris"})
        await create_documents(services, Application.from_document(made))
    finally:
        await store.close()


def _write_pings(file: Path, count: int) -> None:
    random = np.random.default_rng(1)
    writer: pq.ParquetWriter | None = None
    with file.open("wb") as lines:
        for some in split_count(count):
            rows = _some_pings(random, some)
            if file.suffix == ".ndjson":
                lines.write("\n".join(_as_lines(rows).to_pylist()).encode() + b"\n")
                continue
            writer = writer or pq.ParquetWriter(lines, rows.schema)
            writer.write_table(rows)
        if writer is not None:
            writer.close()


def _some_pings(random: np.random.Generator, size: int) -> pa.Table:
    """Pings in order of time, some of them at sites (see `world.coordinates`), the others anywhere around."""
    near, (east, north) = random.random(size) < _NEAR, coordinates(random.integers(0, SITES, size))
    lng = np.where(near, east, random.uniform(1, 5, size)) + random.normal(0, 0.0003, size)
    lat = np.where(near, north, random.uniform(43, 47, size)) + random.normal(0, 0.0002, size)
    return pa.table(
        {
            "user": format_names("user-", draw_users(random, size)),
            "at": to_instants(draw_times(random, size)),
            "lng": np.round(lng, 6),
            "lat": np.round(lat, 6),
        }
    )


def _as_lines(rows: pa.Table) -> pa.ChunkedArray:
    user, at, lng, lat = (rows[name] for name in ("user", "at", "lng", "lat"))
    texts = (user, pc.strftime(at, "%Y-%m-%dT%H:%M:%SZ"), lng.cast(pa.string()), lat.cast(pa.string()))
    parts: list[object] = []
    for before, text in zip(('{"user":"', '","at":"', '","lng":', ',"lat":'), texts, strict=True):
        parts += [pa.scalar(before), text]
    return pc.binary_join_element_wise(*parts, pa.scalar("}"), "")


# -- sites ---------------------------------------------------------------------------------------------------------


def _sites(found: BulkResults, folder: Path, count: int, say: Echo) -> None:
    store = folder / "sites.duckdb"
    store.unlink(missing_ok=True)
    with BenchServer(Settings(store_url=f"duckdb:{store}", rate_limit=None, log_level="error")) as product:
        made = product.run(product.services.applications.create({"key": KEY, "name": "Benchmark"}))
        client = product.log_in(made["_id"], editor=True)
        lines = [f"site-{n},Shop {n} in town {n % 997},{44 + n % 5000 / 1000},{n % 7000 / 1000}" for n in range(count)]
        table = "key,name,lat,lng\n" + "\n".join(lines)
        mapper = {f"mapper[{name}]": column for name, column in _MAPPED.items()}
        with httpx.Client(base_url=f"http://127.0.0.1:{product.port}", timeout=600) as http:
            url, who = f"/applications/{KEY}/sites", {"Authorization": client.headers["Authorization"]}
            started = time.perf_counter()
            http.post(
                f"{url}/import", files={"file": ("sites.csv", table)}, data=mapper, headers=who
            ).raise_for_status()
            found.import_s = time.perf_counter() - started
            _export(found, http, url, who)
        page = f"{url}?q=town%2042&per_page=25"
        product.set_floor(client.get(page))
        sides: Mapping[str, Callable[[], bytes]] = {
            "page": lambda: client.get(page),
            "floor": lambda: client.post(FLOOR, {}),
        }
        took: dict[str, list[float]] = {name: [] for name in sides}
        for _ in range(_ROUNDS):
            for name, ask in sides.items():
                started = time.perf_counter()
                ask()
                took[name].append((time.perf_counter() - started) * 1000)
        found.page_ms, found.floor_ms = (statistics.median(took[name][1:]) for name in sides)
    store.unlink()
    say(
        f"L: {count:,} sites imported in {found.import_s:.1f} s; a page by q {found.page_ms:.1f} ms "
        f"(floor {found.floor_ms:.1f}); {found.exported_a_second:,.0f} rows a second as CSV"
    )


_MAPPED = {"key": "key", "name": "name", "latitude": "lat", "longitude": "lng"}


def _export(found: BulkResults, http: httpx.Client, url: str, who: Mapping[str, str]) -> None:
    started, rows = time.perf_counter(), 0
    with http.stream("GET", url, headers={**who, "Accept": "text/csv", "Accept-Encoding": "identity"}) as answer:
        answer.raise_for_status()
        for number, piece in enumerate(answer.iter_raw()):
            if number == 0:
                found.first_byte_s = time.perf_counter() - started
            rows += piece.count(b"\n")
    found.exported_a_second = rows / (time.perf_counter() - started)
