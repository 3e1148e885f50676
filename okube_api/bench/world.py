"""Generates the data of the benchmarks once: one application with a year of events, which the ingest loads.

Users of stays follow a Zipf distribution: the r-th most frequent has about 1/r of the stays of the first.  Users of
touches and devices are more even: no user sees an advertisement every few minutes for a year.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from okube_api.api.container import Services
from okube_api.campaigns.levers import OTHER
from okube_api.clock import DAY_MS
from okube_api.errors import NotFound
from okube_api.kit.application import Application

KEY = "bench"
SMALL_KEY, EMPTY_KEY = "bench-tenth", "bench-empty"
FIRST, DAYS = datetime(2025, 1, 1, tzinfo=UTC), 365
SITES, USERS, EQUIPMENTS_PER_SITE, CAMPAIGNS, LEVERS = 500, 1_500_000, 4, 60, 6
REGIONS = 13
CAMPAIGN_COST = 10_000.0
_BLOCK_ROWS = 1_000_000
_STALE_POLL_S = 0.2
_TOUCH_KINDS = ("print", "click", "opening", "control")

Echo = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """Numbers of events at a scale; 1 is full scale."""

    scale: float

    def rows(self, count: int) -> int:
        """Return a number of full scale at this scale, at least 1000."""
        return max(round(count * self.scale), 1000)

    @property
    def events(self) -> Mapping[str, int]:
        """Number of events by kind; three detections make a presence stay."""
        full = {"stays": 10_000_000, "touches": 10_000_000, "visits": 2_000_000, "purchases": 600_000}
        return {kind: self.rows(count) for kind, count in full.items()} | {"detections": 3 * self.rows(5_000_000)}


async def get_or_create_application(services: Services, folder: Path, size: Size, echo: Echo) -> Application:
    """Return the application; create it and ingest its events unless it exists already."""
    return await _get_or_create(services, folder, KEY, size.events, echo)


async def create_small_applications(services: Services, folder: Path, size: Size, echo: Echo) -> None:
    """Create an application with a tenth of the stays, and one without events, unless they exist already."""
    stays = {"stays": max(size.events["stays"] // 10, 1000)}
    await _get_or_create(services, folder, SMALL_KEY, stays, echo)
    await create_empty_application(services, folder, echo)


async def create_empty_application(services: Services, folder: Path, echo: Echo) -> None:
    """Create an application without events unless it exists already."""
    await _get_or_create(services, folder, EMPTY_KEY, {}, echo)


async def _get_or_create(
    services: Services, folder: Path, key: str, events: Mapping[str, int], echo: Echo
) -> Application:
    try:
        application = Application.from_document(await services.applications.get_by_name(key))
    except NotFound:
        document = await services.applications.create({"key": key, "name": "Benchmark", "timezone": "Europe/Paris"})
        application = Application.from_document(document)
        await create_documents(services, application)
        await load_events(services, application, folder, events, echo)
    else:
        await _await_rebuild(services, application, echo)
    return application


async def _await_rebuild(services: Services, application: Application, echo: Echo) -> None:
    """Rebuild facts that an earlier version of the server has derived, and wait for the end."""
    await services.invalidation.request_upgrade()
    if await services.invalidation.is_stale(application.id):
        echo("rebuilding facts of an earlier version")
    while await services.invalidation.is_stale(application.id):
        await services.invalidation.resume()
        await asyncio.sleep(_STALE_POLL_S)  # another task of the server may be at work


async def load_events(
    services: Services, application: Application, folder: Path, events: Mapping[str, int], echo: Echo
) -> dict[str, float]:
    """Ingest numbers of generated events by kind, always the same ones; return how many a second by kind.

    folder: where their files are until they are ingested.
    """
    rates = {}
    for kind, count in events.items():
        path = folder / f"{kind}.parquet"
        await asyncio.to_thread(write_events, kind, count, path)
        started = time.perf_counter()
        await services.ingest.ingest_file(application, kind, path)
        took_s = time.perf_counter() - started
        rates[kind] = count / took_s
        echo(f"{kind}: {count:,} ingested in {took_s:.1f} s, {rates[kind]:,.0f} per second")
        path.unlink()
    return rates


def coordinates(site: Any) -> tuple[Any, Any]:
    """Return the longitude and latitude of a site number, or of an array of them."""
    return 2.0 + site % 25 / 10, 44.0 + site // 25 / 10


async def create_documents(services: Services, application: Application) -> None:
    """Create the sites, equipments, levers, campaigns and the study of the application."""
    sites = []
    for number in range(SITES):
        fields = {
            "key": f"site-{number}",
            "name": f"Site {number}",
            "coordinates": list(coordinates(number)),
            "online": False,
            "attributes": {"region": f"region-{number % REGIONS}"},
        }
        sites.append(await services.sites.create(application, fields))
        for room in range(EQUIPMENTS_PER_SITE):
            fields = {"key": f"eq-{number}-{room}", "name": f"Area {room}", "site": sites[-1]["_id"]}
            await services.equipments.create(application, fields)
    for number in range(LEVERS - 1):
        fields = {"key": f"lever-{number}", "name": f"Lever {number}", "match": {"format": [f"format-{number}"]}}
        await services.levers.create(application.id, fields)
    for number in range(CAMPAIGNS):
        form = f"format-{number % LEVERS}" if number % LEVERS < LEVERS - 1 else OTHER
        fields = {"key": f"campaign-{number}", "name": f"Campaign {number}", "format": form}
        costs = [{"type": "fixed", "amount": CAMPAIGN_COST, "from": "2025-01-01", "to": "2025-12-31"}]
        await services.campaigns.create(application, {**fields, "costs": costs})
    await services.studies.create(application, {"key": "all", "name": "All sites"})


# -- events --------------------------------------------------------------------------------------------------------


def write_events(kind: str, count: int, path: Path) -> None:
    """Write a Parquet file of `count` events of a kind, always the same ones."""
    random = np.random.default_rng([ord(letter) for letter in kind])
    writer: Any = None
    for size in split_count(count):
        rows = _GENERATORS[kind](random, size)
        writer = writer or pq.ParquetWriter(path, rows.schema)
        writer.write_table(rows)
    writer.close()


def split_count(count: int) -> Iterator[int]:
    """Yield sizes of at most a million rows that add up to `count`."""
    for at in range(0, count, _BLOCK_ROWS):
        yield min(_BLOCK_ROWS, count - at)


def format_names(prefix: str, numbers: Any) -> pa.Array:
    """Return `prefix` and the number, for each number."""
    return pc.binary_join_element_wise(pa.scalar(prefix), pa.array(numbers).cast(pa.string()), "")


def draw_users(random: np.random.Generator, size: int) -> Any:
    """Return numbers of users that follow a Zipf distribution; shape (size,)."""
    return np.power(float(USERS), random.random(size)).astype(np.int64)


def _draw_audience(random: np.random.Generator, size: int) -> Any:
    return (USERS * np.power(random.random(size), 1.3)).astype(np.int64)


def to_instants(ms: Any) -> pa.Array:
    """Return milliseconds since `FIRST` as Arrow timestamps."""
    return pa.array(ms + int(FIRST.timestamp() * 1000), pa.timestamp("ms", "UTC"))


def draw_times(random: np.random.Generator, size: int) -> Any:
    """Return ordered milliseconds since `FIRST` within the year; shape (size,)."""
    return np.sort(random.integers(0, DAYS * DAY_MS, size))


def _stays(random: np.random.Generator, size: int) -> pa.Table:
    dwell_s = np.clip(random.lognormal(7.0, 0.8, size), 120, 20_000).astype(np.int64)
    return pa.table(
        {
            "user": format_names("user-", draw_users(random, size)),
            "site": format_names("site-", random.integers(0, SITES, size)),
            "start": to_instants(draw_times(random, size)),
            "duration_s": dwell_s,
            "zone": pa.array(["indoor"] * size),
        }
    )


def _touches(random: np.random.Generator, size: int) -> pa.Table:
    return pa.table(
        {
            "user": format_names("user-", _draw_audience(random, size)),
            "campaign": format_names("campaign-", random.integers(0, CAMPAIGNS, size)),
            "at": to_instants(draw_times(random, size)),
            "kind": pa.array(_TOUCH_KINDS).take(pa.array(random.choice(4, size, p=(0.7, 0.15, 0.05, 0.1)))),
        }
    )


def _visits(random: np.random.Generator, size: int) -> pa.Table:
    return pa.table(
        {
            "user": format_names("user-", _draw_audience(random, size)),
            "site": format_names("site-", random.integers(0, SITES, size)),
            "at": to_instants(draw_times(random, size)),
        }
    )


def _purchases(random: np.random.Generator, size: int) -> pa.Table:
    columns = {
        "amount": np.round(random.lognormal(3.5, 0.7, size), 2),
        "order": format_names("order-", random.integers(0, 10**9, size)),
    }
    visits = _visits(random, size)
    return pa.table({**{name: visits[name] for name in visits.column_names}, **columns})


def _detections(random: np.random.Generator, size: int) -> pa.Table:
    stays = -(-size // 3)
    start, site = draw_times(random, stays), random.integers(0, SITES, stays)
    at = (start[:, None] + np.arange(3) * 200_000).ravel()[:size]
    room = (np.repeat(random.integers(0, 2, stays), 3) + np.tile(np.arange(3), stays))[:size] % EQUIPMENTS_PER_SITE
    numbers = (np.repeat(site, 3)[:size], room)
    equipment = pc.binary_join_element_wise(
        pa.scalar("eq"), *(pa.array(number).cast(pa.string()) for number in numbers), "-"
    )
    return pa.table(
        {
            "device": format_names("device-", np.repeat(_draw_audience(random, stays), 3)[:size]),
            "equipment": equipment,
            "at": to_instants(at),
        }
    )


_GENERATORS: Mapping[str, Callable[[np.random.Generator, int], pa.Table]] = {
    "stays": _stays,
    "touches": _touches,
    "visits": _visits,
    "purchases": _purchases,
    "detections": _detections,
}
