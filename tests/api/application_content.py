"""Fills an application with a document of each collection and a row of each table, and reads all that a store has."""

from typing import Any

import orjson
import pyarrow as pa
from okube_api.analytics.warming import LOADED_COLUMNS
from okube_api.applications.repository import APPLICATIONS
from okube_api.auth.keys import KEYS
from okube_api.auth.mail_limit import MAIL_COUNTS, MailLimit, hash_counter
from okube_api.auth.repository import USERS
from okube_api.http.idempotency import IDEMPOTENCY
from okube_api.ingest.invalidation import PENDING
from okube_api.ingest.leases import LEASES
from okube_api.jobs.repository import JOB_QUESTIONS
from okube_api.jobs.results import JOB_RESULTS
from okube_api.kit.ids import new_id
from okube_api.sites.thumbnails import THUMBNAILS
from okube_api.store.conditions import EVERYTHING, Condition, Overlaps, equal
from okube_api.store.plan_analysis import FIRST_PART, LAST_PART, get_stored_types, make_arrow_schema
from okube_api.store.schema import Collection, ColumnType, Table
from okube_api.store_schema import SCHEMA

from tests.api.server import Json, Server, Tenant
from tests.api.tenancy import create_resources

_NDJSON = {"Content-Type": "application/x-ndjson"}
_PART, _BATCH = 20_000, 1_000_000
_VALUES: dict[ColumnType, Any] = {
    ColumnType.TEXT: "x",
    ColumnType.TEXTS: ["x"],
    ColumnType.INTEGER: 7,
    ColumnType.INTEGERS: [7],
    ColumnType.WIDE_INTEGER: 7,
    ColumnType.NUMBER: 0.5,
    ColumnType.BOOLEAN: True,
    ColumnType.BYTES: b"\x01\x00\x00\x00",
}

WITHOUT_APPLICATION = {
    "application_deletions",  # the record of the deletion itself
    "spent",
    "rates",
    "secret_fingerprints",
    "setups",
    "login_attempts",
    "known_addresses",
    "key_claims",  # hashes, for two minutes
    "facts_versions",
}
"""Collections whose documents belong to no application."""


def match_documents(collection: Collection, application: str) -> Condition | None:
    """Return the condition that a document belongs to an application; None for a collection without such documents."""
    if "application" in collection.fields:
        return equal("application", application)
    if collection in (USERS, KEYS, IDEMPOTENCY):
        return Overlaps("applications", (application,))
    if collection in (APPLICATIONS, LEASES):
        return equal("_id", application)
    if collection == MAIL_COUNTS:
        return equal("_id", hash_counter(application))
    assert collection.name in WITHOUT_APPLICATION, f"{collection.name}: do its documents belong to an application?"
    return None


async def count_documents(server: Server, application: str) -> dict[str, int]:
    """Return the number of documents of an application in each collection that may have any."""
    counts = {}
    for collection in SCHEMA.collections:
        if (where := match_documents(collection, application)) is not None:
            counts[collection.name] = await server.services.store.count(collection, where)
    return counts


async def count_rows(server: Server, application: str) -> dict[str, int]:
    """Return the number of rows of an application in each table."""
    counts = {}
    async with server.services.store.open_reader(application) as reader:
        for table in SCHEMA.tables:
            blocks = reader.read_parts(table, FIRST_PART, LAST_PART)
            counts[table.name] = sum([block.num_rows async for block in blocks])
    return counts


async def dump_application(server: Server, application: str) -> bytes:
    """Return all documents and rows of an application as text."""
    store = server.services.store
    content: Json = {}
    for collection in SCHEMA.collections:
        if (where := match_documents(collection, application)) is not None:
            content[collection.name] = await store.find(collection, where)
    async with store.open_reader(application) as reader:
        for table in SCHEMA.tables:
            blocks = reader.read_parts(table, FIRST_PART, LAST_PART)
            content[table.name] = [str(block.to_pylist()) async for block in blocks]
    content["numbers"] = await store.find_numbers(application, "user", [b"0" * 16])
    return orjson.dumps(content, option=orjson.OPT_SORT_KEYS)


async def find_mentions(server: Server, text: str) -> set[str]:
    """Return the names of the collections with a document that contains a text."""
    names = set()
    for collection in SCHEMA.collections:
        async for documents in server.services.store.stream(collection, EVERYTHING):
            if any(text in orjson.dumps(document).decode() for document in documents):
                names.add(collection.name)
    return names


async def fill_application(tenant: Tenant, prefix: str) -> None:
    """Give an application documents in all collections and rows in all tables."""
    services, store = tenant.server.services, tenant.server.services.store
    names = await create_resources(tenant, prefix)
    stays = b'{"user": "u", "site": "nowhere", "start": "2024-03-28T10:00:00Z", "duration_s": 60}\n'
    await tenant.editor.post(f"{tenant.url}/ingest/stays", content=stays, headers=_NDJSON)
    created = await tenant.editor.post(
        f"{tenant.url}/sites", json={"name": "x", "online": True}, headers={"Idempotency-Key": tenant.id}
    )
    assert created.status_code == 201, created.text
    restricted = {"name": "x", "applications": [tenant.id]}
    assert (await tenant.admin.post("/auth/keys", json=restricted)).status_code == 201
    await MailLimit(store, services.clock).count(tenant.id, "jeanne@example.com")
    now = services.clock()
    head: Json = {"application": tenant.id}
    for collection, fields in (
        (JOB_QUESTIONS, {"_id": new_id(now)}),
        (JOB_RESULTS, {"_id": new_id(now), "job": names["job"][0], "attempt": 1, "position": 0}),
        (THUMBNAILS, {"_id": names["site"][0]}),
        (LOADED_COLUMNS, {"_id": tenant.id, "tables": []}),
        (PENDING, {"_id": new_id(now), "version": 1, "kinds": [], "confirmed": False, "announcedAt": "2999"}),
    ):
        await store.insert(collection, [head | fields])
    if not await store.count(LEASES, equal("_id", tenant.id)):
        await store.insert(LEASES, [{"_id": tenant.id, "owner": "a dead process", "expiresAt": "2020"}])
    await store.assign_numbers(tenant.id, "user", [b"0" * 16])
    await _fill_tables(tenant)


async def _fill_tables(tenant: Tenant) -> None:
    """Write a row to each table, of a part and a batch that no other row has."""
    async with tenant.server.services.store.begin_change(tenant.id, "filled") as change:
        for table in SCHEMA.tables:
            if table.packed:
                await change.append(table, _BATCH, _build_row(table))
            else:
                await change.replace(table, (_PART,), _build_row(table))
        await change.commit()


def _build_row(table: Table) -> pa.Table:
    types = {name: kind for name, kind in get_stored_types(table).items() if name != "batch" or not table.packed}
    row = {name: _PART if name == "part" else _VALUES[kind] for name, kind in types.items()}
    return pa.Table.from_pylist([row], make_arrow_schema(types))
