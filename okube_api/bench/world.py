"""The data of the benchmarks: one application with a year of events, made up, taken in as any others are, and kept.

Users of stays are drawn so that the r-th most frequent comes about 1/r as often as the first (Zipf).  Whom campaigns
reach, and devices, differ less: nobody is shown an advertisement every few minutes for a year.
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
FIRST, DAYS = datetime(2025, 1, 1, tzinfo=UTC), 365
SITES, USERS, EQUIPMENTS_PER_SITE, CAMPAIGNS, LEVERS = 500, 1_500_000, 4, 60, 6
_ROWS_AT_ONCE = 1_000_000
_KINDS = ("print", "click", "opening", "control")

Echo = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Size:
    """How many events there are, at full scale or a part of it."""

    scale: float

    def rows(self, count: int) -> int:
        """So many at this scale."""
        return max(round(count * self.scale), 1000)

    @property
    def events(self) -> Mapping[str, int]:
        """By kind; detections come three a stay."""
        found = {"stays": 10_000_000, "touches": 10_000_000, "visits": 2_000_000, "purchases": 600_000}
        return {kind: self.rows(count) for kind, count in found.items()} | {"detections": 3 * self.rows(5_000_000)}


async def get_or_create_application(services: Services, folder: Path, size: Size, say: Echo) -> Application:
    """The application, made and filled unless it is there already."""
    try:
        return Application.from_document(await services.applications.get_by_name(KEY))
    except NotFound:
        pass
    document = await services.applications.create({"key": KEY, "name": "Benchmark", "timezone": "Europe/Paris"})
    application = Application.from_document(document)
    await create_documents(services, application)
    for kind, count in size.events.items():
        path = folder / f"{kind}.parquet"
        await asyncio.to_thread(write_events, kind, count, path)
        started = time.perf_counter()
        await services.ingest.ingest_file(application, kind, path)
        took_s = time.perf_counter() - started
        say(f"{kind}: {count:,} taken in {took_s:.1f} s, {count / took_s:,.0f} a second")
        path.unlink()
    return application


def coordinates(site: Any) -> tuple[Any, Any]:
    """The longitude and latitude of a site, or of an array of them, by number."""
    return 2.0 + site % 25 / 10, 44.0 + site // 25 / 10


async def create_documents(services: Services, application: Application) -> None:
    sites = []
    for number in range(SITES):
        where = list(coordinates(number))
        fields = {"key": f"site-{number}", "name": f"Site {number}", "coordinates": where, "online": False}
        sites.append(await services.sites.create(application, fields))
        for place in range(EQUIPMENTS_PER_SITE):
            fields = {"key": f"eq-{number}-{place}", "name": f"Area {place}", "site": sites[-1]["_id"]}
            await services.equipments.create(application, fields)
    for number in range(LEVERS - 1):
        fields = {"key": f"lever-{number}", "name": f"Lever {number}", "match": {"format": [f"format-{number}"]}}
        await services.levers.create(application.id, fields)
    for number in range(CAMPAIGNS):
        form = f"format-{number % LEVERS}" if number % LEVERS < LEVERS - 1 else OTHER
        fields = {"key": f"campaign-{number}", "name": f"Campaign {number}", "format": form}
        costs = [{"type": "fixed", "amount": 10_000.0, "from": "2025-01-01", "to": "2025-12-31"}]
        await services.campaigns.create(application, {**fields, "costs": costs})
    await services.studies.create(application, {"key": "all", "name": "All sites"})


# -- events --------------------------------------------------------------------------------------------------------


def write_events(kind: str, count: int, path: Path) -> None:
    """A Parquet file of so many events of a kind; the same each time."""
    random = np.random.default_rng([ord(letter) for letter in kind])
    writer: Any = None
    for some in split_count(count):
        rows = _GENERATORS[kind](random, some)
        writer = writer or pq.ParquetWriter(path, rows.schema)
        writer.write_table(rows)
    writer.close()


def split_count(count: int) -> Iterator[int]:
    for at in range(0, count, _ROWS_AT_ONCE):
        yield min(_ROWS_AT_ONCE, count - at)


def format_names(prefix: str, numbers: Any) -> pa.Array:
    return pc.binary_join_element_wise(pa.scalar(prefix), pa.array(numbers).cast(pa.string()), "")


def draw_users(random: np.random.Generator, size: int) -> Any:
    return np.power(float(USERS), random.random(size)).astype(np.int64)


def _audience(random: np.random.Generator, size: int) -> Any:
    return (USERS * np.power(random.random(size), 1.3)).astype(np.int64)


def to_instants(ms: Any) -> pa.Array:
    return pa.array(ms + int(FIRST.timestamp() * 1000), pa.timestamp("ms", "UTC"))


def draw_times(random: np.random.Generator, size: int) -> Any:
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
            "user": format_names("user-", _audience(random, size)),
            "campaign": format_names("campaign-", random.integers(0, CAMPAIGNS, size)),
            "at": to_instants(draw_times(random, size)),
            "kind": pa.array(_KINDS).take(pa.array(random.choice(4, size, p=(0.7, 0.15, 0.05, 0.1)))),
        }
    )


def _visits(random: np.random.Generator, size: int) -> pa.Table:
    return pa.table(
        {
            "user": format_names("user-", _audience(random, size)),
            "site": format_names("site-", random.integers(0, SITES, size)),
            "at": to_instants(draw_times(random, size)),
        }
    )


def _purchases(random: np.random.Generator, size: int) -> pa.Table:
    bought = {
        "amount": np.round(random.lognormal(3.5, 0.7, size), 2),
        "order": format_names("order-", random.integers(0, 10**9, size)),
    }
    visits = _visits(random, size)
    return pa.table({**{name: visits[name] for name in visits.column_names}, **bought})


def _detections(random: np.random.Generator, size: int) -> pa.Table:
    stays = -(-size // 3)
    start, site = draw_times(random, stays), random.integers(0, SITES, stays)
    at = (start[:, None] + np.arange(3) * 200_000).ravel()[:size]
    place = (np.repeat(random.integers(0, 2, stays), 3) + np.tile(np.arange(3), stays))[:size] % EQUIPMENTS_PER_SITE
    where = pc.binary_join_element_wise(
        pa.scalar("eq"), *(pa.array(one).cast(pa.string()) for one in (np.repeat(site, 3)[:size], place)), "-"
    )
    return pa.table(
        {
            "device": format_names("device-", np.repeat(_audience(random, stays), 3)[:size]),
            "equipment": where,
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
