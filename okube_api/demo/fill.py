"""The demonstration: two made-up applications with everything in them, and a year of events taken as any others are."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from okube_api.applications.repository import Applications
from okube_api.campaigns.levers import OTHER, Levers
from okube_api.campaigns.repository import Campaigns
from okube_api.demo.generator.events import events
from okube_api.demo.generator.world import LEVERS, Drive, Spot, World, worlds
from okube_api.equipments.repository import Equipments
from okube_api.ingest.parse.codecs import Format
from okube_api.ingest.service import Ingest, Source
from okube_api.kit.application import Application
from okube_api.kit.bulk_upsert import Bulk
from okube_api.kit.validated_repository import Making
from okube_api.pois.repository import Pois
from okube_api.sites.repository import Sites
from okube_api.store.base import Json
from okube_api.studies.repository import Studies

_PIECE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class Places:
    """Where the demonstration is written to."""

    applications: Applications
    sites: Sites
    pois: Pois
    levers: Levers
    campaigns: Campaigns
    studies: Studies
    equipments: Equipments
    ingest: Ingest


@dataclass(frozen=True, slots=True)
class Step:
    """What was just done: in which application, what, and how many of it."""

    application: str
    what: str
    count: int


Tell = Callable[[Step], None]


async def fill(places: Places, until: date, tell: Tell | None = None, scale: float = 1.0) -> list[Json]:
    """The documents of the two applications, filled with twelve months of events that end on `until`.

    scale: 1 is some 700,000 events.  Raises Taken where one of them exists already.
    """
    made = worlds(until, scale)
    fields = ({"key": world.key, "name": world.name, "timezone": "Europe/Paris"} for world in made)
    found = [await places.applications.create(one) for one in fields]
    filling = [  # one waits for the store while the other computes
        asyncio.create_task(_filled(places, Application.of(document), world, tell or (lambda _: None)))
        for world, document in zip(made, found, strict=True)
    ]
    try:
        await asyncio.gather(*filling)
    finally:
        for task in filling:
            task.cancel()
        await asyncio.gather(*filling, return_exceptions=True)
    return found


async def _filled(places: Places, application: Application, world: World, tell: Tell) -> None:
    await _documents(places, application, world, tell)
    batches = []
    async with aclosing(_made(world)) as made:
        async for kind, rows in made:
            source = Source(_pieces(rows), Format.PARQUET, name=f"{kind}.parquet")
            batches.append(await places.ingest.receive(application, kind, source))
            tell(Step(world.name, kind, rows.num_rows))
    await places.ingest.show_all(application, batches)
    tell(Step(world.name, "batches", len(batches)))


async def _made(world: World) -> AsyncGenerator[tuple[str, pa.Table], None]:
    """The events of a world, each kind made in a thread while the one before it is taken."""
    left = events(world)
    coming = asyncio.create_task(asyncio.to_thread(next, left, None))
    try:
        while (found := await coming) is not None:
            coming = asyncio.create_task(asyncio.to_thread(next, left, None))
            yield found
    finally:
        await asyncio.wait((coming,))


async def _pieces(rows: pa.Table) -> AsyncIterator[bytes]:
    file = io.BytesIO()
    pa.parquet.write_table(rows, file)
    for at in range(0, file.tell(), _PIECE_BYTES):
        yield file.getvalue()[at : at + _PIECE_BYTES]


# -- documents ------------------------------------------------------------------------------------------------


async def _documents(places: Places, application: Application, world: World, tell: Tell) -> None:
    async def put(resources: Making, elements: Sequence[Json]) -> list[Json]:
        found = await Bulk(resources, application, ()).upsert(elements)
        tell(Step(world.name, resources.collection.name, len(found)))
        return found

    sites = {site["key"]: site["_id"] for site in await put(places.sites, [_site(spot) for spot in world.sites])}
    await put(places.pois, [_poi(spot) for spot in world.pois])
    rooms = [{"key": key, "name": name, "site": sites[site]} for site, key, name in world.equipments]
    await put(places.equipments, rooms)
    for key, name, formats, _, _ in LEVERS:
        if key != OTHER:
            await places.levers.create(application.id, {"key": key, "name": name, "match": {"format": list(formats)}})
    tell(Step(world.name, "levers", len(LEVERS)))
    await put(places.campaigns, [_campaign(drive) for drive in world.campaigns])
    await put(places.studies, _studies(world))


def _site(spot: Spot) -> Json:
    where: Json = {"coordinates": list(spot.coordinates)} if spot.coordinates else {}
    return {"key": spot.key, "name": spot.name, "tags": list(spot.tags), "online": not where, **where}


def _poi(spot: Spot) -> Json:
    assert spot.coordinates is not None, "only sites are online"
    return {"key": spot.key, "name": spot.name, "tags": list(spot.tags), "coordinates": list(spot.coordinates)}


def _campaign(drive: Drive) -> Json:
    fields: dict[str, Any] = {
        "key": drive.key,
        "name": drive.name,
        "format": drive.format,
        "from": drive.first.isoformat(),
        "to": drive.last.isoformat(),
        "extra": dict(drive.extra),
        "costs": [{"type": LEVERS[drive.lever][4], "amount": drive.price}],
    }
    return fields | ({"sites": list(drive.sites)} if drive.sites else {})


def _studies(world: World) -> list[Json]:
    shops = [spot for spot in world.sites if spot.coordinates is not None]
    studies = {"all": ("All shops", shops), "top": ("The ten largest cities", shops[:10])}
    return [
        {
            "key": key,
            "name": name,
            "sites": [spot.key for spot in chosen],
            "pois": [spot.key for spot in world.pois if spot.city in {shop.city for shop in chosen}],
        }
        for key, (name, chosen) in studies.items()
    ]
