"""Repository of batches and of their rejected lines."""

from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from operator import itemgetter
from typing import Any

from okube_api.clock import stamp
from okube_api.errors import InsufficientStorage, NotFound, RequestConflict
from okube_api.ingest.encryption import DecryptionError, LineCipher
from okube_api.ingest.parse.text import RejectedLine
from okube_api.kit.ids import is_id, new_id
from okube_api.kit.repository import Repository
from okube_api.store.conditions import Between, Missing, OneOf, equal
from okube_api.store.errors import Conflict
from okube_api.store.schema import Collection, ColumnType, SortKey
from okube_api.store.values import Json

MAX_REASONS = 100
"""Maximum number of reasons of rejected lines in a batch."""
DISK_FULL = "The disk was full. Nothing of the file was kept. Make room, then send it again."
"""Message of a batch that was interrupted because of it."""
ABANDONED_AFTER = timedelta(seconds=60)
"""A batch in state `receiving` counts as abandoned when it was not updated for this long."""


class State(StrEnum):
    """States of a batch."""

    RECEIVING = "receiving"  # its file is being read; its events do not count
    WAITING = "waiting"  # its events are stored; its facts are not written yet
    VISIBLE = "visible"  # its events count
    REMOVING = "removing"  # its events and facts are being removed
    REFUSED = "refused"  # the file as a whole was refused; its events are removed
    INTERRUPTED = "interrupted"  # the file was not read to its end; its events are removed


BATCHES = Collection(
    "batches",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "kind": ColumnType.TEXT,
        "state": ColumnType.TEXT,
        "content": ColumnType.TEXT,  # a hash of the file; absent when the file came as a stream
        "updatedAt": ColumnType.TEXT,
        "latest": ColumnType.INTEGER,  # the instant of its latest event, ms since 1970
    },
)
REJECTED = Collection(
    "rejected_lines",  # one document for up to 500 lines, whose texts are encrypted
    fields={"application": ColumnType.TEXT, "batch": ColumnType.TEXT, "position": ColumnType.INTEGER},
)


class Batches(Repository):
    """Batches of all applications, and their rejected lines."""

    collection = BATCHES
    kind = "batch"

    async def get_batch(self, application: str, identifier: str) -> Json:
        """Return the batch of an application with this id.  Raise NotFound."""
        where = equal("application", application) & equal("_id", identifier.lower())
        batch = await self.store.get(BATCHES, where) if is_id(identifier) else None
        if batch is None:
            raise NotFound(self.kind, identifier)
        return batch

    async def find_stored(self, application: str, batches: Iterable[Json]) -> dict[str, Json]:
        """Return batches as they are stored now, by `_id`, without those that were deleted."""
        ids = tuple(batch["_id"] for batch in batches)
        where = equal("application", application) & OneOf("_id", ids)
        return {batch["_id"]: batch for batch in await self.store.find(BATCHES, where)} if ids else {}

    async def create(self, application: str, kind: str, fields: Mapping[str, Any]) -> Json:
        """Insert a batch in state `receiving`, and return it."""
        batch = self.build(application, kind, fields)
        await self.insert_numbered([batch])
        return batch

    def build(self, application: str, kind: str, fields: Mapping[str, Any]) -> Json:
        """Return a batch in state `receiving` that is not stored and has no number yet."""
        counts = {"accepted": 0, "duplicate": 0, "rejected": 0, "reasons": []}
        return self.build_document(application, {"kind": kind, "state": State.RECEIVING, **counts, **fields})

    async def assign_numbers(self, batches: Sequence[Json]) -> None:
        """Give batches of one application the next numbers."""
        last = await self.store.next_number(batches[0]["application"], "batches", len(batches))
        for number, batch in enumerate(batches, last - len(batches) + 1):
            batch["number"] = number

    async def insert_numbered(self, batches: Sequence[Json]) -> None:
        """Give batches of one application the next numbers, and insert them."""
        await self.assign_numbers(batches)
        await self.insert(batches)

    async def update(self, batch: Json, fields: Mapping[str, Any]) -> Json:
        """Set fields of a batch, and return the batch.  Raise NotFound when it was deleted."""

        async def edit(stored: Json) -> Json:
            return {**stored, **fields}

        return await self.change(batch, edit)

    async def renew(self, batch: Json) -> None:
        """Set the time of the last update of a batch that is being received, so that it is not abandoned."""
        where = equal("_id", batch["_id"]) & equal("state", State.RECEIVING)
        await self.store.update(BATCHES, where, {"updatedAt": stamp(self.clock())})

    async def update_all(self, batches: Sequence[Json], fields: Mapping[str, Mapping[str, Any]]) -> list[Json]:
        """Set fields of batches, by `_id`, in one write; return the batches.  Raise NotFound when one was deleted."""
        now = stamp(self.clock())
        edited = [
            {**batch, **fields[batch["_id"]], "version": batch["version"] + 1, "updatedAt": now} for batch in batches
        ]
        try:
            await self.store.write(BATCHES, [], edited, versioned=True)
        except Conflict:  # one has changed since it was read
            return [
                await self.update(await self.get_batch(batch["application"], batch["_id"]), fields[batch["_id"]])
                for batch in batches
            ]
        return edited

    async def complete(self, batch: Json, fields: Mapping[str, Any]) -> Json:
        """Set fields of a batch whose file was read to its end.

        Raise InsufficientStorage when it was interrupted because the disk was full, RequestConflict when it was for
        another reason.
        """

        async def edit(stored: Json) -> Json:
            if stored["state"] != State.RECEIVING:
                if stored.get("message") == DISK_FULL:
                    raise InsufficientStorage(DISK_FULL)
                raise RequestConflict("The upload was interrupted because it made no progress for too long. Repeat it.")
            return {**stored, **fields}

        return await self.change(batch, edit)

    async def find_by_content(self, application: str, kind: str, content: str) -> Json | None:
        """Return the latest visible or waiting batch whose file had this hash, None when there is none."""
        loaded = OneOf("state", (State.VISIBLE, State.WAITING))
        where = equal("application", application) & equal("kind", kind) & equal("content", content) & loaded
        return max(await self.store.find(BATCHES, where), key=itemgetter("number"), default=None)

    async def find_in_states(self, *states: State, application: str | None = None) -> list[Json]:
        """Return the batches in one of these states, of one application or of all, the oldest first."""
        where = OneOf("state", states)
        return await self.store.find(
            BATCHES, where if application is None else where & equal("application", application)
        )

    async def find_abandoned(self, now: datetime) -> list[Json]:
        """Return the batches in state `receiving` whose file is no longer being read."""
        where = equal("state", State.RECEIVING) & Between("updatedAt", None, stamp(now - ABANDONED_AFTER))
        return await self.store.find(BATCHES, where)

    async def read_freshness(self, application: str) -> str | None:
        """Return the instant of the latest event that counts (RFC 3339), None when no event has an instant."""
        where = equal("application", application) & equal("state", State.VISIBLE) & ~Missing("latest")
        batches = await self.store.find(BATCHES, where, sort=(SortKey("latest", descending=True),), limit=1)
        return stamp(datetime.fromtimestamp(batches[0]["latest"] / 1000, UTC)) if batches else None

    async def delete(self, batch: Json) -> None:
        """Delete a batch and its rejected lines."""
        await self.delete_rejected(batch)
        await self.store.delete(BATCHES, equal("_id", batch["_id"]))

    # -- rejected lines

    async def store_rejected(
        self, batch: Json, position: int, rejected: Sequence[RejectedLine], cipher: LineCipher
    ) -> None:
        """Store rejected lines, encrypted.

        position: how many lines of the batch were rejected before these; documents are sorted by it.
        """
        document = {
            "_id": new_id(self.clock()),
            "application": batch["application"],
            "batch": batch["_id"],
            "position": position,
            "numbers": [line.number for line in rejected],
            "reasons": [line.reason for line in rejected],
            "lines": cipher.encrypt([line.text for line in rejected]),
        }
        await self.store.insert(REJECTED, [document])

    async def stream_rejected(self, batch: Json, cipher: LineCipher) -> AsyncIterator[Json]:
        """Yield the rejected lines of a batch: `line`, `reason`, `text` as it was sent.  Raise DecryptionError."""
        where = equal("batch", batch["_id"])
        async for documents in self.store.stream(REJECTED, where, sort=(SortKey("position"),)):
            for document in documents:
                texts = cipher.decrypt(document["lines"])
                for number, reason, text in zip(document["numbers"], document["reasons"], texts, strict=True):
                    yield {"line": number, "reason": reason, "text": text}

    async def erase_rejected(self, application: str, name: str, cipher: LineCipher) -> None:
        """Delete the rejected lines of an application that contain a name, or that cannot be decrypted."""
        async for documents in self.store.stream(REJECTED, equal("application", application)):
            for document in documents:
                where = equal("_id", document["_id"])
                remaining = _remove_lines_with(document, name, cipher)
                if remaining is None:
                    await self.store.delete(REJECTED, where)
                elif remaining != document:
                    await self.store.replace(REJECTED, where, remaining)

    async def delete_expired_rejected(self, application: str, before: datetime) -> None:
        """Delete the rejected lines of the batches of an application that were last updated before an instant."""
        where = equal("application", application) & Between("updatedAt", None, stamp(before))
        batch_ids = tuple(batch["_id"] for batch in await self.store.find(BATCHES, where, fields=()))
        if batch_ids:
            await self.store.delete(REJECTED, equal("application", application) & OneOf("batch", batch_ids))

    async def delete_rejected(self, batch: Json) -> None:
        """Delete the rejected lines of a batch."""
        await self.store.delete(REJECTED, equal("batch", batch["_id"]))


def _remove_lines_with(document: Json, name: str, cipher: LineCipher) -> Json | None:
    """Return a document of rejected lines without those that contain a name; None when it cannot be decrypted."""
    try:
        texts = cipher.decrypt(document["lines"])
    except DecryptionError:
        return None
    positions = [position for position, text in enumerate(texts) if name not in text]
    if len(positions) == len(texts):
        return document
    remaining = {key: [document[key][position] for position in positions] for key in ("numbers", "reasons")}
    return document | remaining | {"lines": cipher.encrypt([texts[position].encode() for position in positions])}
