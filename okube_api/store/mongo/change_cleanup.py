"""Cleans up after changes of rows in MongoDB, by their records: what they made obsolete, and what was not committed.

Any process can do this for any change, also for those of processes that died.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from bson import ObjectId

from okube_api.store.mongo.errors import READ_S, WRITE_S, time_limit
from okube_api.store.mongo.holds import find_held_since
from okube_api.store.mongo.manifests import ADDED, SUPERSEDED, ManifestRepository, encode_generation
from okube_api.store.mongo.staging import read_server_time
from okube_api.store.ranges import Range
from okube_api.store.values import Json

CHANGES = "_changes"
"""Collection with the records of changes."""
_LEASE = timedelta(seconds=60)
_DELETE_S = 300.0


def describe_ranges(table: str, ranges: Iterable[Range]) -> Json:
    """Return the entry of a record for ranges of `pg` of a table."""
    return {"table": table, "ranges": [list(pg_range) for pg_range in ranges]}


async def resolve_change(database: Any, manifests: ManifestRepository, record: Json, tables: Iterable[str]) -> None:
    """Find out whether a change was committed; if not, make sure that it never will be, and delete what it wrote.

    tables: the tables that it may have written.
    """
    application, change_id = record["application"], record["_id"]
    if not await manifests.is_change_committed(application, change_id):
        await manifests.fence(application)  # its commit may still be on its way to the server
    if await manifests.is_change_committed(application, change_id):
        await mark_committed(database, change_id)
    else:
        await discard_change(database, manifests, record, tables)


async def mark_committed(database: Any, change_id: ObjectId) -> None:
    """Note in its record that a change was committed, and when."""
    update = {"$set": {"state": "committed"}, "$currentDate": {"at": True}}
    with time_limit(WRITE_S):
        await database[CHANGES].update_one({"_id": change_id}, update)


async def discard_change(database: Any, manifests: ManifestRepository, record: Json, tables: Iterable[str]) -> None:
    """Delete the rows, marks and manifests that a change wrote to tables, and then its record."""
    ranges = [encode_generation(generation) for generation in record["generations"]]
    application, patch = record["application"], record["generations"][0]
    await _delete_rows(database, application, [describe_ranges(table, ranges) for table in tables])
    for table in tables:
        with time_limit(_DELETE_S):
            await database[table].delete_many({"application": application, ADDED: patch})
            await database[table].update_many(
                {"application": application, SUPERSEDED: patch}, {"$pull": {SUPERSEDED: patch}}
            )
    await _delete_record(database, manifests, record["_id"], record.get("new_manifests", ()))


async def _delete_record(
    database: Any, manifests: ManifestRepository, change_id: ObjectId, manifest_ids: Sequence[ObjectId]
) -> None:
    await manifests.delete_manifests(manifest_ids)
    with time_limit(WRITE_S):
        await database[CHANGES].delete_one({"_id": change_id})


async def collect_row_garbage(
    database: Any, manifests: ManifestRepository, tables: Sequence[str], grace: timedelta
) -> None:
    """Delete what changes of dead processes wrote, and what changes made obsolete longer than `grace` ago."""
    with time_limit(READ_S):
        records = await database[CHANGES].find({}).to_list(None)
    if not records:
        return
    now = await read_server_time(database)
    kept_since = min(now - grace, await find_held_since(database, now))
    for record in records:
        updated_at: datetime = record["at"]
        if record["state"] == "open" and updated_at < now - _LEASE:
            await resolve_change(database, manifests, record, tables)
        elif record["state"] == "committed" and updated_at < kept_since:
            await _delete_rows(database, record["application"], record.get("drops", ()))
            await _collect_patches(database, record["application"], record.get("drops", ()))
            await _delete_record(database, manifests, record["_id"], record.get("old_manifests", ()))


async def _delete_rows(database: Any, application: str, descriptions: Iterable[Json]) -> None:
    for description in descriptions:
        for first, last in description["ranges"]:
            match = {"application": application, "pg": {"$gte": first, "$lte": last}}
            with time_limit(_DELETE_S):
                await database[description["table"]].delete_many(match)


async def _collect_patches(database: Any, application: str, descriptions: Iterable[Json]) -> None:
    """Delete the rows that committed patches replaced, and remove the marks from those that they added."""
    for description in descriptions:
        if (patch := description.get("patch")) is None:
            continue
        stored = database[description["table"]]
        with time_limit(_DELETE_S):
            await stored.delete_many({"application": application, SUPERSEDED: patch})
            await stored.update_many({"application": application, ADDED: patch}, {"$unset": {ADDED: ""}})
