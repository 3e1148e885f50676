"""An application in a store whose events go through the ingest."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from okube_api.applications.repository import APPLICATIONS
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.fact import Fact
from okube_api.catalogue.facts import FACTS, PANELISTS
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.geo.place_cells import compute_cells
from okube_api.ingest.derive.place_index import ZONE_KINDS
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.load.pseudonyms import DEVICE, USER, Pseudonyms
from okube_api.ingest.parse.codecs import Format
from okube_api.ingest.service import Ingest
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.protocol import Store
from okube_api.store.values import Json

from tests.by_hand.truth import Place
from tests.ingest.rows import Row, replace_numbers
from tests.truth.tenant import Tenant

NOW = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
SECRET = b"a secret of at least thirty-two bytes, for tests"
DEFAULT_CELLS: Mapping[str, Any] = {"radius": 70.0}

PlaceCells = Mapping[str, Mapping[str, Any]]
"""By id of a place, its `radius` in metres, or the `resolution` and the cells of each zone."""


def get_fixed_time() -> datetime:
    """Return always the same instant."""
    return NOW


def build_document(identifier: str, application: str, **fields: Any) -> Json:
    """Return a document as repositories build it, without the fields that are None."""
    given = {name: value for name, value in fields.items() if value is not None}
    return {"_id": identifier, "application": application, "version": 1, **given}


def build_place_document(place: Place, application: str, place_cells: PlaceCells | None = None) -> Json:
    """Return the document of a site or point of interest."""
    location: Json = {}
    cells = (place_cells or {}).get(place.id, DEFAULT_CELLS)
    if place.coordinates is not None and "radius" in cells:
        location = {"radius": cells["radius"], **compute_cells(place.coordinates, cells["radius"])}
    elif "resolution" in cells:
        location = {
            f"{zone}Indexes": {"resolution": cells["resolution"], "indexes": cells[zone]} for zone in ZONE_KINDS
        }
    if place.coordinates is not None:
        location["coordinates"] = list(place.coordinates)
    return build_document(
        place.id,
        application,
        key=place.key,
        names=[place.key],
        timezone=place.timezone,
        online=place.online,
        active=place.active,
        **location,
    )


def with_new_id(tenant: Tenant) -> Tenant:
    """Return a tenant whose application is none of those of earlier tests, whose rows remain in the store."""
    return replace(tenant, id=new_id(NOW))


def to_ndjson(events: Iterable[Json]) -> str:
    """Return events as the text of a file."""
    return "".join(f"{json.dumps(event)}\n" for event in events)


async def stream_chunks(data: bytes, size: int = 777) -> AsyncIterator[bytes]:
    """Yield data in chunks, as it may come over a network."""
    for low in range(0, len(data), size):
        yield data[low : low + size]


def build_small_file(*events: Json) -> EventFile:
    """Return a small file of NDJSON, as the body of a request."""
    data = to_ndjson(events).encode()
    return EventFile(stream_chunks(data, 7), Format.NDJSON, size=len(data))


class IngestApp:
    """An application of a tenant in a store, and its ingest."""

    def __init__(self, store: Store, tenant: Tenant) -> None:
        self.store, self.tenant, self.truth = store, tenant, tenant.truth
        self.ingest = Ingest(store, get_fixed_time, SECRET)
        self.document: Json = {
            "_id": tenant.id,
            "version": 1,
            "key": tenant.key,
            "name": tenant.name,
            "timezone": tenant.truth.timezone,
            "currency": "EUR",
            "active": True,
            "settings": {},
        }
        self.application = Application.from_document(self.document)

    async def create_documents(self, place_cells: PlaceCells | None = None) -> "IngestApp":
        """Insert the documents of the application and of its resources; return the application.

        place_cells: of places whose radius is not the default one.
        """
        truth, own_id = self.truth, self.tenant.id
        await self.store.insert(APPLICATIONS, [self.document])
        await self.store.insert(SITES, [build_place_document(site, own_id, place_cells) for site in truth.sites])
        await self.store.insert(POIS, [build_place_document(poi, own_id, place_cells) for poi in truth.pois])
        equipments = [
            build_document(equipment.id, own_id, key=equipment.key, site=equipment.site)
            for equipment in truth.equipments
        ]
        await self.store.insert(EQUIPMENTS, equipments)
        campaigns = [
            build_document(
                campaign.id, own_id, key=campaign.key, windows=dict(campaign.windows) if campaign.windows else None
            )
            for campaign in truth.campaigns
        ]
        await self.store.insert(CAMPAIGNS, campaigns)
        return self

    async def ingest_events(self, kind: str, events: Iterable[Json], **options: Any) -> Json:
        """Ingest events as a file of NDJSON; return the batch."""
        return await self.ingest_text(kind, to_ndjson(events), **options)

    async def ingest_text(self, kind: str, text: str, file_format: Format = Format.NDJSON, **options: Any) -> Json:
        """Ingest the text of a file; return the batch."""
        file = EventFile(stream_chunks(text.encode()), file_format)
        return await self.ingest.ingest(self.application, kind, file, **options)

    async def load(self, kind: str, events: Iterable[Json]) -> Json:
        """Load events as a file of NDJSON, which is not published; return the batch."""
        file = EventFile(stream_chunks(to_ndjson(events).encode()), Format.NDJSON)
        return await self.ingest.load(self.application, kind, file)

    async def ingest_all(self, events: Mapping[str, Iterable[Json]]) -> list[Json]:
        """Load files of several kinds and publish them together; return the batches."""
        batches = [await self.load(kind, of_kind) for kind, of_kind in events.items()]
        return await self.ingest.publish(self.application, batches)

    async def read_tables(self, facts: Sequence[Fact] = FACTS) -> dict[str, list[Row]]:
        """Return the rows of facts, of their rollups and of the panel, with names in the place of user numbers."""
        names = await self._find_names()
        rows_by_table = {}
        async with self.store.open_reader(self.application.id) as reader:
            for table in (PANELISTS, *(table for fact in facts for table in fact.tables)):
                blocks = [block async for block in reader.read_parts(table, -(2**31), 2**31 - 1)]
                rows = pa.concat_tables(blocks).to_pylist() if blocks else []
                kind = DEVICE if table.name.startswith("presence") else USER
                rows_by_table[table.name] = [replace_numbers(table, row, names[kind]) for row in rows]
        return rows_by_table

    async def _find_names(self) -> dict[str, dict[int, str]]:
        """Return the names of the users and devices of the truth by number."""
        truth = self.truth
        user_events = (truth.stays, truth.panelists, truth.touches, truth.visits, truth.purchases)
        people = {
            USER: {event.user for events in user_events for event in events},
            DEVICE: {detection.device for detection in truth.detections},
        }
        pseudonyms = Pseudonyms(self.store, self.application.id, SECRET)
        names: dict[str, dict[int, str]] = {}
        for kind, names_of_kind in people.items():
            numbers = {name: await pseudonyms.find_number(kind, name) for name in names_of_kind}
            names[kind] = {number: name for name, number in numbers.items() if number is not None}
        return names
