"""Restores a backup into a store: all of it or nothing.

Only the applications that the manifest names are restored.  Others were deleted while the backup was written, or
created after its beginning, so that it has only a part of them.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.applications.repository import APPLICATIONS
from okube_api.auth.repository import USERS
from okube_api.auth.secret import BadSecret
from okube_api.auth.secret_fingerprint import FINGERPRINTS, is_fingerprint_of
from okube_api.backup.archive import ArchiveReader, BadBackup
from okube_api.backup.dump import (
    COUNTERS,
    LEFT_OUT,
    NUMBERS,
    Progress,
    make_row_schema,
    name_documents,
    name_rows,
)
from okube_api.ingest.invalidation import FACTS_VERSIONS
from okube_api.store.conditions import EVERYTHING
from okube_api.store.protocol import Change, Store
from okube_api.store.schema import Collection, Schema, Table
from okube_api.store.values import Json

_DOCUMENTS, _ROWS, _IDENTIFIERS = 1000, 250_000, 100_000


class StoreNotEmpty(Exception):
    """The store has content, which a restore would replace."""


async def open_backup(path: Path, schema: Schema) -> ArchiveReader:
    """Read a backup to its end.  Raise BadBackup when it is damaged, or of a later version."""
    archive = await asyncio.to_thread(ArchiveReader.open, path)
    if archive.manifest["schema"] > schema.version:
        raise BadBackup(
            f"{path} was made by okube-api {archive.manifest['version']}, whose stores this version does not know. "
            "Install that version or a later one. Nothing was changed."
        )
    return archive


def check_backup_secret(archive: ArchiveReader, secret: bytes | None) -> None:
    """Raise BadSecret when the store of a backup was created with another secret than this one."""
    fingerprint: Mapping[str, str] | None = archive.manifest["secret"]
    if fingerprint is None or (secret is not None and is_fingerprint_of(fingerprint, secret)):
        return
    problem = "There is no secret key" if secret is None else "The secret key is not the one"
    raise BadSecret(
        f"{problem}{' here' if secret is None else ' of the store that was backed up'}; the backup has its fingerprint "
        f"({fingerprint['fingerprint'][:16]}), not the key itself. Set OKUBE_SECRET_KEY to that key, or copy the file "
        "secret.key of that server into the folder of the new store, and repeat the command. If the key is lost, add "
        "--other-secret: users then log in again, known people count as new ones, and API keys and rejected lines "
        "cannot be used. Nothing was changed."
    )


async def check_empty(store: Store) -> None:
    """Raise StoreNotEmpty when a started store has an application or a user."""
    if await store.count(APPLICATIONS, EVERYTHING) or await store.count(USERS, EVERYTHING):
        raise StoreNotEmpty(
            "The store that OKUBE_STORE_URL names has applications or users. Choose another store, or add --replace "
            "to delete all that it has. Nothing was changed."
        )


async def restore_archive(
    archive: ArchiveReader,
    target: Store,
    schema: Schema,
    *,
    with_secret: bool = True,
    on_progress: Progress = lambda _name, _rows: None,
) -> None:
    """Fill an empty, started store from a backup.

    with_secret: whether the store gets the fingerprint of the secret; without it, the caller claims the store.
    """
    await _Restore(archive, target, schema, on_progress).run(with_secret=with_secret)


class _Restore:
    def __init__(
        self, archive: ArchiveReader, target: Store, schema: Schema, on_progress: Callable[[str, int], None]
    ) -> None:
        self._archive, self._target, self._schema, self._on_progress = archive, target, schema, on_progress
        self._applications = archive.applications
        self._rows = 0

    async def run(self, *, with_secret: bool) -> None:
        await self._restore_numbers()
        for table in self._schema.tables:
            await self._restore_table(table)
        left_out = [*LEFT_OUT]
        if not with_secret:
            left_out.append(FINGERPRINTS.name)
        if self._archive.manifest["rebuildFacts"]:
            left_out.append(FACTS_VERSIONS.name)  # without it, all facts are rebuilt at the next start
        for collection in self._schema.collections:
            if collection.name not in left_out:
                await self._restore_collection(collection)

    async def _read_blocks(self, name: str, rows: int) -> AsyncIterator[pa.Table]:
        """Yield the rows of a member in blocks, and report the progress."""
        self._on_progress(name, self._rows)
        with self._archive.open_blocks(name, rows) as blocks:
            while (block := await asyncio.to_thread(next, blocks, None)) is not None:
                yield block
                self._rows += block.num_rows
                self._on_progress(name, self._rows)

    async def _restore_collection(self, collection: Collection) -> None:
        async for block in self._read_blocks(name_documents(collection), _DOCUMENTS):
            documents = [orjson.loads(text) for text in block["document"].to_pylist()]
            await self._target.insert(collection, self._select_whole(collection, documents))

    def _select_whole(self, collection: Collection, documents: list[Json]) -> list[Json]:
        """Return the documents that belong to an application that is restored, or to none."""
        key = "_id" if collection == APPLICATIONS else "application"
        if key not in ("_id", *collection.fields):
            return documents
        return [document for document in documents if document.get(key) is None or document[key] in self._applications]

    async def _restore_numbers(self) -> None:
        """Assign identifiers in the order of their numbers, so that each gets its number again."""
        async for block in self._read_blocks(NUMBERS, _IDENTIFIERS):
            for application, kind in _list_distinct(block, "application", "kind"):
                if application in self._applications:
                    is_selected = pc.and_(pc.equal(block["application"], application), pc.equal(block["kind"], kind))
                    identifiers = block.filter(is_selected)["identifier"].to_pylist()
                    await self._target.assign_numbers(application, kind, identifiers)
        async for block in self._read_blocks(COUNTERS, _IDENTIFIERS):
            for counter in block.to_pylist():
                if counter["application"] in self._applications:
                    await self._target.next_number(counter["application"], counter["name"], counter["last"])

    async def _restore_table(self, table: Table) -> None:
        """Restore the rows of a table, one change for each application that occurs in a block.

        Rows are ordered by application and part.  A part may continue in the next block, but a plain part can be
        replaced once only, so the rows of the last part of a block wait for the next one.
        """
        waiting: pa.Table | None = None
        async for block in self._read_blocks(name_rows(table), _ROWS):
            rows = _conform(table, block)
            if waiting is not None:
                rows = pa.concat_tables([waiting, rows])
            waiting = None
            if not table.packed:
                rows, waiting = _split_last_part(rows)
            await self._write_rows(table, rows)
        if waiting is not None:
            await self._write_rows(table, waiting)

    async def _write_rows(self, table: Table, rows: pa.Table) -> None:
        for (application,) in _list_distinct(rows, "application"):
            if application not in self._applications:
                continue
            own = rows.filter(pc.equal(rows["application"], application)).drop_columns("application")
            async with self._target.begin_change(application, f"restored:{table.name}:{self._rows}") as change:
                await _write_own_rows(change, table, own)
                await change.commit()


async def _write_own_rows(change: Change, table: Table, rows: pa.Table) -> None:
    if not table.packed:
        await change.replace(table, rows["part"].unique().to_pylist(), rows)
        return
    ordered = rows.sort_by([("batch", "ascending"), ("part", "ascending")])
    batches, starts = np.unique(ordered["batch"].to_numpy(), return_index=True)
    ends = [*starts[1:].tolist(), ordered.num_rows]
    for batch, start, end in zip(batches.tolist(), starts.tolist(), ends, strict=True):
        await change.append(table, batch, ordered.slice(start, end - start).drop_columns("batch"))


def _conform(table: Table, block: pa.Table) -> pa.Table:
    """Return rows with the columns that the table has now; those that the backup lacks are null."""
    schema = make_row_schema(table)
    columns = [
        block[field.name] if field.name in block.column_names else pa.nulls(block.num_rows, field.type)
        for field in schema
    ]
    return pa.table(columns, names=schema.names).cast(schema)


def _split_last_part(rows: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Return the rows before the last part of the last application, and those of it."""
    last = rows.slice(rows.num_rows - 1).to_pylist()[0]
    is_last = pc.and_(pc.equal(rows["application"], last["application"]), pc.equal(rows["part"], last["part"]))
    return rows.filter(pc.invert(is_last)), rows.filter(is_last)


def _list_distinct(rows: pa.Table, *names: str) -> list[tuple[str, ...]]:
    """Return the distinct values of columns, in the order of their first occurrence."""
    distinct = rows.group_by(list(names), use_threads=False).aggregate([])
    return list(zip(*(distinct[name].to_pylist() for name in names), strict=True))
