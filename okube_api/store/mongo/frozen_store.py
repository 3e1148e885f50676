"""A view of a database with the rows of each application as they were at one instant.

Replaced rows are deleted after a grace; a hold (`holds`) delays that for as long as the view is open.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from okube_api.store.mongo.errors import READ_S, time_limit
from okube_api.store.mongo.identifier_log import IDENTIFIER_BYTES
from okube_api.store.mongo.manifests import EMPTY, Manifest, ManifestPointers, ManifestRepository
from okube_api.store.mongo.numbers import COUNTERS, NUMBERS
from okube_api.store.mongo.rows import MongoReader
from okube_api.store.schema import Collection, Table

_READ_DOCUMENTS = 64


class _PinnedReader(MongoReader):
    """A reader that reads nothing of a table whose rows were deleted meanwhile, with the application."""

    async def _get_manifest(self, table: Table) -> Manifest:
        try:
            return await super()._get_manifest(table)
        except LookupError:
            return EMPTY


class PinnedReads:
    """The methods of the store that read rows, numbers and counters: rows as of `pin_rows`, others as they are."""

    _database: Any
    _manifests: ManifestRepository
    _pinned: dict[str, ManifestPointers]

    async def pin_rows(self, application: str) -> None:
        """Read which rows of an application are current now."""
        self._pinned[application] = await self._manifests.load(application)

    async def find_deleted(self) -> set[str]:
        """Return the applications whose rows were deleted since they were pinned."""
        return {
            application
            for application, pinned in self._pinned.items()
            if pinned.tables and not (await self._manifests.load(application)).tables
        }

    def revision(self, *collections: Collection) -> str | None:  # noqa: ARG002 - as in the protocol
        """Return None, so that nothing is cached for the store itself."""
        return None

    @asynccontextmanager
    async def open_reader(
        self, application: str, *, row_limit: int | None = None, timeout_s: float | None = None
    ) -> AsyncIterator[MongoReader]:
        """Open a reader of the rows that were current at `pin_rows`; without it, of none."""
        pointers = self._pinned.get(application) or ManifestPointers.from_document(application, {})
        yield _PinnedReader(self._database, self._manifests, pointers, row_limit=row_limit, timeout_s=timeout_s)

    async def stream_identifiers(self) -> AsyncIterator[tuple[str, str, list[bytes]]]:
        """Yield (application, kind, identifiers in the order of their numbers), in blocks."""
        cursor = self._database[NUMBERS].find({}, sort=[("_id", 1)], batch_size=_READ_DOCUMENTS)
        try:
            while True:
                with time_limit(READ_S):
                    documents = await cursor.to_list(_READ_DOCUMENTS)
                if not documents:
                    return
                for document in documents:
                    application, kind, _ = document["_id"].rsplit(" ", 2)
                    payload = bytes(document["identifiers"])
                    starts = range(0, len(payload), IDENTIFIER_BYTES)
                    yield application, kind, [payload[start : start + IDENTIFIER_BYTES] for start in starts]
        finally:
            await cursor.close()

    async def list_counters(self) -> list[tuple[str, str, int]]:
        """Return (application, name, last value) of every counter."""
        with time_limit(READ_S):
            documents = await self._database[COUNTERS].find({}).to_list(None)
        return [
            (document["application"], document["_id"].split(" ", 1)[1], int(document["last"])) for document in documents
        ]
