"""An application of a truth in a store, its events taken through the ingest, and its tables to be compared."""

import json
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa
from okube_api.applications.repository import APPLICATIONS
from okube_api.campaigns.repository import CAMPAIGNS
from okube_api.catalogue.facts import FACTS, PANELISTS, Fact
from okube_api.equipments.repository import EQUIPMENTS
from okube_api.geo.place_cells import compute_cells
from okube_api.ingest.derive.place_index import ZONE_KINDS
from okube_api.ingest.load.file_blocks import EventFile
from okube_api.ingest.load.pseudonyms import DEVICE, USER, Pseudonyms
from okube_api.ingest.parse.codecs import Format
from okube_api.ingest.service import Ingest
from okube_api.kit.application import Application
from okube_api.pois.repository import POIS
from okube_api.sites.repository import SITES
from okube_api.store.protocol import Store
from okube_api.store.schema import ColumnType, Table
from okube_api.store.values import Json

from tests.by_hand.truth import Place
from tests.truth.tenant import Tenant, beta

NOW = datetime(2025, 2, 3, 4, 5, 6, tzinfo=UTC)
SECRET = b"a secret of at least thirty-two bytes, for tests"
DEVICES = ("presence_stays", "presence_passages", "presence_steps", "presence_exits", "presence_passage_exits")
Row = dict[str, Any]


def clock() -> datetime:
    """Always the same instant."""
    return NOW


def document(identifier: str, application: str, **fields: Any) -> Json:
    """A document as repositories make them, without the fields that are None."""
    given = {name: value for name, value in fields.items() if value is not None}
    return {"_id": identifier, "application": application, "version": 1, **given}


def place(one: Place, application: str, cells: Mapping[str, Mapping[str, Any]] | None = None) -> Json:
    """A site's or point of interest's document."""
    where: Json = {}
    told = (cells or {}).get(one.id, {"radius": 70.0})
    if one.coordinates is not None and "radius" in told:
        where = {"radius": told["radius"], **compute_cells(one.coordinates, told["radius"])}
    elif "resolution" in told:
        where = {f"{zone}Indexes": {"resolution": told["resolution"], "indexes": told[zone]} for zone in ZONE_KINDS}
    if one.coordinates is not None:
        where["coordinates"] = list(one.coordinates)
    return document(
        one.id,
        application,
        key=one.key,
        names=[one.key],
        timezone=one.timezone,
        online=one.online,
        active=one.active,
        **where,
    )


@lru_cache
def spring() -> Tenant:
    """What happened in `beta` around the end of March 2024 alone: weeks with a change of clocks, and quickly taken."""
    tenant = beta()
    truth = tenant.truth

    def early(at: date) -> bool:
        return date(2024, 1, 1) < at < date(2024, 7, 1)

    def sent(event: Json) -> bool:
        text = event.get("at") or event.get("start") or event.get("day")
        return text is None or early(date.fromisoformat(text[:10]))

    dated: dict[str, Any] = {
        name: [one for one in getattr(truth, name) if early(_day(getattr(one, field)))]
        for name, field in _DATED.items()
    }
    events = {kind: [event for event in some if sent(event)] for kind, some in tenant.events.items()}
    return replace(tenant, truth=replace(truth, **dated), events=events)


def _day(at: date) -> date:
    return at.date() if isinstance(at, datetime) else at


_DATED = {
    "stays": "start",
    "detections": "at",
    "touches": "at",
    "deliveries": "day",
    "visits": "at",
    "purchases": "at",
}


class Land:
    """One application in a store."""

    def __init__(self, store: Store, tenant: Tenant) -> None:
        self.store, self.tenant, self.truth = store, tenant, tenant.truth
        self.ingest = Ingest(store, clock, SECRET)
        self.application = Application.from_document(self._document())

    def _document(self) -> Json:
        tenant = self.tenant
        return {
            "_id": tenant.id,
            "version": 1,
            "key": tenant.key,
            "name": tenant.name,
            "timezone": tenant.truth.timezone,
            "currency": "EUR",
            "active": True,
            "settings": {},
        }

    async def settle(self, cells: Mapping[str, Mapping[str, Any]] | None = None) -> "Land":
        """Writes the documents.

        cells: of places by id, a radius that is not the usual one, or cells drawn by hand: see `heard.spots`.
        """
        truth, own = self.truth, self.tenant.id
        await self.store.insert(APPLICATIONS, [self._document()])
        await self.store.insert(SITES, [place(one, own, cells) for one in truth.sites])
        await self.store.insert(POIS, [place(one, own, cells) for one in truth.pois])
        equipments = [document(one.id, own, key=one.key, site=one.site) for one in truth.equipments]
        await self.store.insert(EQUIPMENTS, equipments)
        campaigns = [
            document(one.id, own, key=one.key, windows=dict(one.windows) if one.windows else None)
            for one in truth.campaigns
        ]
        await self.store.insert(CAMPAIGNS, campaigns)
        return self

    async def take(self, kind: str, events: Iterable[Json], **more: Any) -> Json:
        """Takes events as a file of NDJSON."""
        return await self.take_text(kind, "".join(f"{json.dumps(event)}\n" for event in events), **more)

    async def take_all(self, events: Mapping[str, Iterable[Json]]) -> list[Json]:
        """Takes files of several kinds, shown in one step."""
        batches = [await self.receive(kind, some) for kind, some in events.items()]
        return await self.ingest.publish(self.application, batches)

    async def receive(self, kind: str, events: Iterable[Json]) -> Json:
        """Stores events, which nobody sees yet."""
        source = EventFile(pieces("".join(f"{json.dumps(event)}\n" for event in events).encode()), Format.NDJSON)
        return await self.ingest.load(self.application, kind, source)

    async def take_text(self, kind: str, text: str, shape: Format = Format.NDJSON, **more: Any) -> Json:
        """Takes a file that was written by hand."""
        return await self.ingest.ingest(self.application, kind, EventFile(pieces(text.encode()), shape), **more)

    async def tables(self, wanted: Sequence[Fact] = FACTS) -> dict[str, list[Row]]:
        """The rows of every fact and rollup, and of the panel; users and sets of users by their names."""
        names = await self.names()
        found = {}
        async with self.store.open_reader(self.application.id) as reader:
            for table in (PANELISTS, *(table for fact in wanted for table in fact.tables)):
                blocks = [block async for block in reader.read_parts(table, -(2**31), 2**31 - 1)]
                rows = pa.concat_tables(blocks).to_pylist() if blocks else []
                found[table.name] = [named(table, row, names[_who(table)]) for row in rows]
        return found

    async def names(self) -> dict[str, dict[int, str]]:
        """Whose each number is, by kind."""
        truth = self.truth
        users = {
            one.user
            for many in (truth.stays, truth.panelists, truth.touches, truth.visits, truth.purchases)
            for one in many
        }
        found = {}
        for kind, people in ((USER, users), (DEVICE, {one.device for one in truth.detections})):
            identities = Pseudonyms(self.store, self.application.id, SECRET)
            numbers = {name: await identities.find_number(kind, name) for name in people}
            found[kind] = {number: name for name, number in numbers.items() if number is not None}
        return found


def _who(table: Table) -> str:
    return DEVICE if table.name.startswith("presence") else USER


def named(table: Table, row: Row, names: Mapping[int, str]) -> Row:
    """A row with names in the place of numbers; without `batch`."""
    kinds = {column.name: column.type for column in table.columns}
    found = {name: value for name, value in row.items() if name != "batch"}
    if "user" in found:
        found["user"] = names[found["user"]]
    for name, kind in kinds.items():
        if kind is ColumnType.BYTES:
            numbers = np.frombuffer(found[name], "<u4").tolist()
            assert numbers == sorted(set(numbers))
            found[name] = tuple(sorted(names[number] for number in numbers))
    return found


def canonical(rows: Iterable[Row]) -> list[str]:
    """Rows to be compared whatever their order."""
    return sorted(repr(sorted(row.items())) for row in rows)


async def pieces(data: bytes, size: int = 777) -> AsyncIterator[bytes]:
    """Data as it may come over a network."""
    for at in range(0, len(data), size):
        yield data[at : at + size]
