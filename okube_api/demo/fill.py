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

from okube_api.applications.repository import ApplicationRepository
from okube_api.campaigns.levers import OTHER, LeverRepository
from okube_api.campaigns.repository import CampaignRepository
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.world import LEVERS, DemoCampaign, DemoPlace, World, build_worlds
from okube_api.equipments.repository import EquipmentRepository
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.parse.codecs import Format
from okube_api.ingest.service import Ingest
from okube_api.kit.application import Application
from okube_api.kit.bulk_upsert import BulkUpsert
from okube_api.kit.validated_repository import ValidatedRepository
from okube_api.pois.repository import PoiRepository
from okube_api.sites.repository import SiteRepository
from okube_api.store.values import Json
from okube_api.studies.repository import StudyRepository

_PIECE_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class DemoServices:
    """Where the demonstration is written to."""

    applications: ApplicationRepository
    sites: SiteRepository
    pois: PoiRepository
    levers: LeverRepository
    campaigns: CampaignRepository
    studies: StudyRepository
    equipments: EquipmentRepository
    ingest: Ingest


@dataclass(frozen=True, slots=True)
class FillProgress:
    """What was just done: in which application, what, and how many of it."""

    application: str
    what: str
    count: int


ProgressListener = Callable[[FillProgress], None]


async def fill_applications(
    places: DemoServices, until: date, tell: ProgressListener | None = None, scale: float = 1.0
) -> list[Json]:
    """The documents of the two applications, filled with twelve months of events that end on `until`.

    scale: 1 is some 700,000 events.  Raises Taken where one of them exists already.
    """
    made = build_worlds(until, scale)
    fields = ({"key": world.key, "name": world.name, "timezone": "Europe/Paris"} for world in made)
    found = [await places.applications.create(one) for one in fields]
    filling = [  # one waits for the store while the other computes
        asyncio.create_task(_filled(places, Application.from_document(document), world, tell or (lambda _: None)))
        for world, document in zip(made, found, strict=True)
    ]
    try:
        await asyncio.gather(*filling)
    finally:
        for task in filling:
            task.cancel()
        await asyncio.gather(*filling, return_exceptions=True)
    return found


async def _filled(places: DemoServices, application: Application, world: World, tell: ProgressListener) -> None:
    await _documents(places, application, world, tell)
    batches = []
    async with aclosing(_made(world)) as made:
        async for kind, rows in made:
            source = EventFile(_pieces(rows), Format.PARQUET, name=f"{kind}.parquet")
            batches.append(await places.ingest.load(application, kind, source))
            tell(FillProgress(world.name, kind, rows.num_rows))
    await places.ingest.publish(application, batches)
    tell(FillProgress(world.name, "batches", len(batches)))


async def _made(world: World) -> AsyncGenerator[tuple[str, pa.Table], None]:
    """The events of a world, each kind made in a thread while the one before it is taken."""
    left = generate_events(world)
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


async def _documents(places: DemoServices, application: Application, world: World, tell: ProgressListener) -> None:
    async def put(resources: ValidatedRepository, elements: Sequence[Json]) -> list[Json]:
        found = await BulkUpsert(resources, application, ()).upsert_all(elements)
        tell(FillProgress(world.name, resources.collection.name, len(found)))
        return found

    sites = {site["key"]: site["_id"] for site in await put(places.sites, [_site(spot) for spot in world.sites])}
    await put(places.pois, [_poi(spot) for spot in world.pois])
    rooms = [{"key": key, "name": name, "site": sites[site]} for site, key, name in world.equipments]
    await put(places.equipments, rooms)
    for key, name, formats, _, _ in LEVERS:
        if key != OTHER:
            await places.levers.create(application.id, {"key": key, "name": name, "match": {"format": list(formats)}})
    tell(FillProgress(world.name, "levers", len(LEVERS)))
    await put(places.campaigns, [_campaign(drive) for drive in world.campaigns])
    await put(places.studies, _studies(world))


def _site(spot: DemoPlace) -> Json:
    where: Json = {"coordinates": list(spot.coordinates)} if spot.coordinates else {}
    return {"key": spot.key, "name": spot.name, "tags": list(spot.tags), "online": not where, **where}


def _poi(spot: DemoPlace) -> Json:
    assert spot.coordinates is not None, "only sites are online"
    return {"key": spot.key, "name": spot.name, "tags": list(spot.tags), "coordinates": list(spot.coordinates)}


def _campaign(drive: DemoCampaign) -> Json:
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
