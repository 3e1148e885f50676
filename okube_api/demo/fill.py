"""Fills the demo: two applications with all kinds of resources, and two years of events, which the ingest loads."""

import asyncio
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterable, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet

from okube_api.applications.repository import ApplicationRepository
from okube_api.campaigns.levers import OTHER, LeverRepository
from okube_api.campaigns.repository import CampaignRepository
from okube_api.demo.generator.cities import CITIES
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.formats import WEEKDAYS
from okube_api.demo.generator.world import DAYS, LEVERS, DemoCampaign, DemoPoi, DemoSite, World, build_worlds
from okube_api.equipments.repository import EquipmentRepository
from okube_api.errors import NotFound, Refusal
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.parse.codecs import Format
from okube_api.ingest.service import Ingest
from okube_api.kit import demo_names
from okube_api.kit.application import Application
from okube_api.kit.bulk_upsert import BulkUpsert
from okube_api.kit.creation_ids import CREATION_IDS
from okube_api.kit.demo_names import DemoIds
from okube_api.kit.validated_repository import ValidatedRepository
from okube_api.pois.repository import PoiRepository
from okube_api.sites.repository import SiteRepository
from okube_api.store.values import Json
from okube_api.studies.repository import StudyRepository

_CHUNK_BYTES = 2**20


@dataclass(frozen=True, slots=True)
class DemoServices:
    """The services that the demo is written with."""

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
    """A finished step: the name of the application, and how many items of which kind were written."""

    application: str
    items: str
    count: int


ProgressListener = Callable[[FillProgress], None]


async def fill_applications(
    services: DemoServices,
    until: date,
    on_progress: ProgressListener | None = None,
    scale: float = 1.0,
    days: int = DAYS,
) -> list[Json]:
    """Create the two applications with two years of events that end on `until`; return their documents.

    scale: 1 is about 840,000 events.
    days: how many days have events.
    Raise Taken when one of the applications exists already.
    """
    worlds = build_worlds(until, scale, first=until - timedelta(days=days - 1))
    documents = [
        await services.applications.create({"key": world.key, "name": world.name, "timezone": "Europe/Paris"})
        for world in worlds
    ]

    async def fill(application: Application, world: World) -> None:
        listener = on_progress or _ignore_progress
        await _create_resources(services, application, world, listener)
        if world.key == demo_names.APPLICATION:
            await _load_faulty_file(services.ingest, application)
        await _load_events(services, application, world, listener)

    await _run_all(
        fill(Application.from_document(document), world) for world, document in zip(worlds, documents, strict=True)
    )
    return documents


async def add_days(
    services: DemoServices,
    first: date,
    since: date,
    until: date,
    *,
    on_progress: ProgressListener | None = None,
    scale: float = 1.0,
) -> None:
    """Add the campaigns that start, and the events that happen, from the day `since` to the day `until`.

    Applications that were deleted meanwhile stay so; resources that were changed or deleted, too.
    first: the first day of the demo, which must have been filled with the same scale.
    """
    listener = on_progress or _ignore_progress

    async def add(world: World) -> None:
        try:
            application = await services.applications.load(world.key)
        except NotFound:
            return
        fields = [_campaign_fields(campaign) for campaign in world.campaigns if campaign.first >= since]
        stored = await services.campaigns.find_ids_by_name(application.id, [each["key"] for each in fields])
        fields = [each for each in fields if each["key"] not in stored]
        await BulkUpsert(services.campaigns, application, ()).upsert_all(fields)
        await _load_events(services, application, world, listener)

    await _run_all(add(world) for world in build_worlds(until, scale, first=first, since=since))


def _ignore_progress(_step: FillProgress) -> None:
    pass


async def _run_all(work: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Run the work of both applications in parallel: one waits for the store while the other computes."""
    tasks = [asyncio.create_task(each) for each in work]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _load_events(
    services: DemoServices, application: Application, world: World, on_progress: ProgressListener
) -> None:
    """Load and publish the events of the days to generate, with one batch for each kind that has some."""
    days = "" if world.since == world.first else f"-{world.last.isoformat()}"
    batches = []
    async with aclosing(_generate_ahead(world)) as events:
        async for kind, rows in events:
            if not rows.num_rows:
                continue
            file = EventFile(_read_chunks(rows), Format.PARQUET, name=f"{kind}{days}.parquet")
            batches.append(await services.ingest.load(application, kind, file))
            on_progress(FillProgress(world.name, kind, rows.num_rows))
    await services.ingest.publish(application, batches)
    on_progress(FillProgress(world.name, "batches", len(batches)))


async def _generate_ahead(world: World) -> AsyncGenerator[tuple[str, pa.Table], None]:
    """Yield the events of a world kind by kind; a thread generates the next kind while the caller uses the last."""
    events = generate_events(world)
    task = asyncio.create_task(asyncio.to_thread(next, events, None))
    try:
        while (kind_and_rows := await task) is not None:
            task = asyncio.create_task(asyncio.to_thread(next, events, None))
            yield kind_and_rows
    finally:
        await asyncio.wait((task,))


_FAULTY_FILE = b"""user,site,at,amount
user-000001,atlantis,2024-05-04T10:12:00Z,24.90
user-000002,lyon,4 May 2024,12.00
user-000003,lyon,2024-05-04T11:31:00Z,twelve
"""


async def _load_faulty_file(ingest: Ingest, application: Application) -> None:
    """Load a file that is refused: its batch has rejected lines and no events."""

    async def read_chunks() -> AsyncIterator[bytes]:
        yield _FAULTY_FILE

    token = CREATION_IDS.set(DemoIds([demo_names.FAULTY_FILE]))
    try:
        with suppress(Refusal):
            file = EventFile(read_chunks(), Format.CSV, name=demo_names.FAULTY_FILE)
            await ingest.load(application, "purchases", file, atomic=True)
    finally:
        CREATION_IDS.reset(token)


async def _read_chunks(rows: pa.Table) -> AsyncIterator[bytes]:
    """Yield the rows as the bytes of a Parquet file."""
    file = io.BytesIO()
    pa.parquet.write_table(rows, file)
    for at in range(0, file.tell(), _CHUNK_BYTES):
        yield file.getvalue()[at : at + _CHUNK_BYTES]


# -- resources ------------------------------------------------------------------------------------------------


async def _create_resources(
    services: DemoServices, application: Application, world: World, on_progress: ProgressListener
) -> None:
    async def upsert(repository: ValidatedRepository, elements: Sequence[Json]) -> list[Json]:
        has_fixed_ids = world.key == demo_names.APPLICATION
        token = CREATION_IDS.set(DemoIds([element["key"] for element in elements]) if has_fixed_ids else None)
        try:
            documents = await BulkUpsert(repository, application, ()).upsert_all(elements)
        finally:
            CREATION_IDS.reset(token)
        on_progress(FillProgress(world.name, repository.collection.name, len(documents)))
        return documents

    sites = await upsert(services.sites, [_site_fields(world, site) for site in world.sites])
    await upsert(services.pois, [_poi_fields(poi) for poi in world.pois])
    ids = {site["key"]: site["_id"] for site in sites}
    equipments = [{"key": key, "name": name, "site": ids[site]} for site, key, name in world.equipments]
    await upsert(services.equipments, equipments)
    for key, name, formats, _, _ in LEVERS:
        if key != OTHER:
            fields = {"key": key, "name": name, "match": {"format": list(formats)}}
            await services.levers.create(application.id, fields)
    on_progress(FillProgress(world.name, "levers", len(LEVERS)))
    await upsert(services.campaigns, [_campaign_fields(campaign) for campaign in world.campaigns])
    await upsert(services.studies, _study_fields(world))


def _site_fields(world: World, site: DemoSite) -> Json:
    fields: Json = {"key": site.key, "name": site.name, "tags": list(site.tags), "online": site.coordinates is None}
    if site.coordinates is None:
        return fields | {"type": "web shop"}
    city = CITIES[site.city]
    openings = zip(WEEKDAYS, site.shop_format.openings, strict=True)
    attributes = {"region": city.region, "format": site.shop_format.name}
    if site.first > world.first:
        attributes["opened"] = site.first.isoformat()
    if site.last < world.last:
        attributes["closed"] = site.last.isoformat()
    return fields | {
        "type": "shop",
        "capacity": site.capacity,
        "coordinates": list(site.coordinates),
        "address": {"postalCode": city.postal_code, "city": city.name, "country": "France"},
        "attributes": attributes,
        "openings": {weekday: [list(hours) for hours in intervals] for weekday, intervals in openings if intervals},
    }


def _poi_fields(poi: DemoPoi) -> Json:
    return {
        "key": poi.key,
        "name": poi.name,
        "type": poi.tags[0],
        "tags": list(poi.tags),
        "coordinates": list(poi.coordinates),
    }


def _campaign_fields(campaign: DemoCampaign) -> Json:
    fields: dict[str, Any] = {
        "key": campaign.key,
        "name": campaign.name,
        "format": campaign.format,
        "provider": campaign.provider,
        "agency": campaign.agency,
        "tags": list(campaign.tags),
        "from": campaign.first.isoformat(),
        "to": campaign.last.isoformat(),
        "extra": dict(campaign.extra),
        "costs": [{"type": LEVERS[campaign.lever_index][4], "amount": campaign.price}],
    }
    return fields | ({"sites": list(campaign.sites)} if campaign.sites else {})


def _study_fields(world: World) -> list[Json]:
    shops = [site for site in world.sites if site.coordinates is not None]
    studies = {demo_names.STUDY: ("All shops", shops), demo_names.SMALL_STUDY: ("The ten largest cities", shops[:10])}
    return [
        {
            "key": key,
            "name": name,
            "sites": [site.key for site in sites],
            "pois": [poi.key for poi in world.pois if poi.city in {site.city for site in sites}],
        }
        for key, (name, sites) in studies.items()
    ]
