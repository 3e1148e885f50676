"""The version of the schema in a database, and a check that reads everything."""

from collections.abc import AsyncIterator
from typing import Any

from pymongo.errors import DuplicateKeyError, PyMongoError

from okube_api.store.checks import TableCheck
from okube_api.store.errors import StoreDamaged, StoreTooNew
from okube_api.store.mongo.errors import READ_S, WRITE_S, time_limit

SCHEMA_VERSION = "_schema"
_RESTORING = "restoring"
_BLOCK = 1000


async def migrate_version(database: Any, version: int) -> None:
    """Note the version of the schema unless it is noted.  Raise StoreTooNew when a newer version has used the store."""
    with time_limit(READ_S):
        document = await database[SCHEMA_VERSION].find_one({"_id": "schema"}) or {}
    stored = int(document.get("version", 0))
    if stored > version:
        raise StoreTooNew(f"The database '{database.name}'", stored, version)
    if stored < version:
        try:
            with time_limit(WRITE_S):
                await database[SCHEMA_VERSION].update_one(
                    {"_id": "schema"}, {"$max": {"version": version}}, upsert=True
                )
        except DuplicateKeyError:
            await migrate_version(database, version)  # another process has inserted it at the same moment


async def mark_restoring(database: Any) -> None:
    """Note that the content of the database is incomplete until a restore ends."""
    with time_limit(WRITE_S):
        await database[SCHEMA_VERSION].insert_one({"_id": _RESTORING})


async def unmark_restoring(database: Any) -> None:
    """Note that the restore is complete."""
    with time_limit(WRITE_S):
        await database[SCHEMA_VERSION].delete_one({"_id": _RESTORING})


async def refuse_restoring(database: Any) -> None:
    """Raise StoreDamaged when a restore into the database has not ended."""
    with time_limit(READ_S):
        is_incomplete = await database[SCHEMA_VERSION].find_one({"_id": _RESTORING}) is not None
    if is_incomplete:
        raise StoreDamaged(
            f"The database '{database.name}' is incomplete: a restore into it is running, or was interrupted. If it "
            "was interrupted, run `okube-api restore --replace` with the backup again."
        )


async def check_database(database: Any) -> AsyncIterator[TableCheck]:
    """Yield what was read of each collection, in order of their names."""
    with time_limit(READ_S):
        names = await database.list_collection_names()
    for name in sorted(names):
        rows = 0
        cursor = database[name].find({}, batch_size=_BLOCK)
        try:
            while block := await cursor.to_list(_BLOCK):
                rows += len(block)
        except PyMongoError as error:
            yield TableCheck(name, 0, str(error))
        else:
            yield TableCheck(name, rows)
