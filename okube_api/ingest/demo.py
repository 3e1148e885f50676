"""The demonstration: two made-up applications with everything in them, and a year of events taken as any others are."""

import io
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from okube_api.applications.repository import Application, Applications
from okube_api.campaigns.levers import OTHER, Levers
from okube_api.campaigns.repository import Campaigns
from okube_api.equipments.repository import Equipments
from okube_api.ingest.formats import Format
from okube_api.ingest.generator.events import events
from okube_api.ingest.generator.world import LEVERS, Drive, World, worlds
from okube_api.ingest.service import Ingest, Source
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
    found = []
    for world in worlds(until, scale):
        document = await places.applications.create({"key": world.key, "name": world.name, "timezone": "Europe/Paris"})
        found.append(document)
        told = tell or (lambda _: None)
        application = Application.of(document)
        await _documents(places, application, world, told)
        batches = []
        for kind, rows in events(world):
            source = Source(_pieces(rows), Format.PARQUET, name=f"{kind}.parquet")
            batches.append(await places.ingest.receive(application, kind, source))
            told(Step(world.name, kind, rows.num_rows))
        await places.ingest.show_all(application, batches)
        told(Step(world.name, "batches", len(batches)))
    return found


async def _pieces(rows: pa.Table) -> AsyncIterator[bytes]:
    file = io.BytesIO()
    pa.parquet.write_table(rows, file)
    for at in range(0, file.tell(), _PIECE_BYTES):
        yield file.getvalue()[at : at + _PIECE_BYTES]


# -- documents ------------------------------------------------------------------------------------------------


async def _documents(places: Places, application: Application, world: World, tell: Tell) -> None:
    sites = {}
    for spot in world.sites:
        where: Json = {"coordinates": list(spot.coordinates)} if spot.coordinates else {}
        fields = {"key": spot.key, "name": spot.name, "tags": list(spot.tags), "online": not where, **where}
        sites[spot.key] = await places.sites.create(application, fields)
    tell(Step(world.name, "sites", len(sites)))
    for spot in world.pois:
        fields = {
            "key": spot.key,
            "name": spot.name,
            "tags": list(spot.tags),
            "coordinates": list(spot.coordinates or ()),
        }
        await places.pois.create(application, fields)
    tell(Step(world.name, "pois", len(world.pois)))
    for site, key, name in world.equipments:
        fields = {"key": key, "name": name, "site": sites[site]["_id"]}
        await places.equipments.create(application, fields)
    tell(Step(world.name, "equipments", len(world.equipments)))
    await _marketing(places, application, world, tell)
    await _studies(places, application, world, tell)


async def _marketing(places: Places, application: Application, world: World, tell: Tell) -> None:
    for key, name, formats, _, _ in LEVERS:
        if key != OTHER:
            await places.levers.create(application.id, {"key": key, "name": name, "match": {"format": list(formats)}})
    tell(Step(world.name, "levers", len(LEVERS)))
    for drive in world.campaigns:
        await places.campaigns.create(application, _campaign(drive))
    tell(Step(world.name, "campaigns", len(world.campaigns)))


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


async def _studies(places: Places, application: Application, world: World, tell: Tell) -> None:
    shops = [spot for spot in world.sites if spot.coordinates is not None]
    studies = {"all": ("All shops", shops), "top": ("The ten largest cities", shops[:10])}
    for key, (name, chosen) in studies.items():
        cities = {spot.city for spot in chosen}
        fields = {
            "key": key,
            "name": name,
            "sites": [spot.key for spot in chosen],
            "pois": [spot.key for spot in world.pois if spot.city in cities],
        }
        await places.studies.create(application, fields)
    tell(Step(world.name, "studies", len(studies)))
