"""Batches in the store: what came in, how far it is, what was wrong with it."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from okube_api.clock import stamp
from okube_api.errors import NotFound
from okube_api.ingest.encryption import DecryptionError, LineCipher
from okube_api.ingest.parse.text import RejectedLine
from okube_api.kit.ids import is_id, new_id
from okube_api.kit.repository import Repository
from okube_api.store.conditions import Between, Missing, OneOf, equal
from okube_api.store.schema import Collection, ColumnType, SortKey
from okube_api.store.values import Json

MAX_REASONS = 100
ABANDONED_AFTER = timedelta(seconds=60)
"""How long after its last sign of life a batch that is being received counts as abandoned."""


class State(StrEnum):
    """How far a batch is."""

    RECEIVING = "receiving"  # its events come in; nothing of them counts
    WAITING = "waiting"  # all of them are stored; their facts are still to be made
    VISIBLE = "visible"  # questions see them
    REMOVING = "removing"  # it is being taken back
    REFUSED = "refused"  # something was wrong with the whole of it; nothing is left of its events
    INTERRUPTED = "interrupted"  # whoever sent or received it went away; nothing is left of its events


BATCHES = Collection(
    "batches",
    fields={
        "version": ColumnType.INTEGER,
        "application": ColumnType.TEXT,
        "kind": ColumnType.TEXT,
        "state": ColumnType.TEXT,
        "content": ColumnType.TEXT,  # a hash of the file, where it was known beforehand
        "updatedAt": ColumnType.TEXT,
        "latest": ColumnType.INTEGER,  # the last instant among its events, ms since 1970
    },
)
REJECTED = Collection(
    "rejected_lines",  # a block of them a document, sealed
    fields={"application": ColumnType.TEXT, "batch": ColumnType.TEXT, "position": ColumnType.INTEGER},
)


class Batches(Repository):
    """The batches of every application."""

    collection = BATCHES
    kind = "batch"

    async def get_batch(self, application: str, identifier: str) -> Json:
        """One of an application's batches.  Raises NotFound."""
        mine = equal("application", application) & equal("_id", identifier.lower())
        found = await self.store.get(BATCHES, mine) if is_id(identifier) else None
        if found is None:
            raise NotFound(self.kind, identifier)
        return found

    async def create(self, application: str, kind: str, fields: Mapping[str, Any]) -> Json:
        """A new batch, being received."""
        number = await self.store.next_number(application, "batches")
        blank = {"accepted": 0, "duplicate": 0, "rejected": 0, "reasons": []}
        made = self.build_document(
            application, {"number": number, "kind": kind, "state": State.RECEIVING, **blank, **fields}
        )
        await self.insert([made])
        return made

    async def update(self, batch: Json, fields: Mapping[str, Any]) -> Json:
        """The batch with these fields changed.  Raises NotFound when it is gone."""

        async def edit(stored: Json) -> Json:
            return {**stored, **fields}

        return await self.change(batch, edit)

    async def find_by_content(self, application: str, kind: str, content: str) -> Json | None:
        """The batch that brought a file with this hash, and is visible or waiting; the first one."""
        done = OneOf("state", (State.VISIBLE, State.WAITING))
        where = equal("application", application) & equal("kind", kind) & equal("content", content) & done
        return await self.store.get(BATCHES, where)

    async def find_in_states(self, *states: State, application: str | None = None) -> list[Json]:
        """Batches in one of these states, the oldest first."""
        where = OneOf("state", states)
        return await self.store.find(
            BATCHES, where if application is None else where & equal("application", application)
        )

    async def find_abandoned(self, now: datetime) -> list[Json]:
        """Batches that nobody receives any more."""
        where = equal("state", State.RECEIVING) & Between("updatedAt", None, stamp(now - ABANDONED_AFTER))
        return await self.store.find(BATCHES, where)

    async def read_freshness(self, application: str) -> str | None:
        """The last instant of the events that questions see, RFC 3339; None when none has one."""
        seen = equal("application", application) & equal("state", State.VISIBLE) & ~Missing("latest")
        found = await self.store.find(BATCHES, seen, sort=(SortKey("latest", descending=True),), limit=1)
        return stamp(datetime.fromtimestamp(found[0]["latest"] / 1000, UTC)) if found else None

    async def delete(self, batch: Json) -> None:
        """Takes a batch away, with its rejected lines."""
        await self.delete_rejected(batch)
        await self.store.delete(BATCHES, equal("_id", batch["_id"]))

    # rejected lines

    async def store_rejected(
        self, batch: Json, position: int, rejected: Sequence[RejectedLine], seals: LineCipher
    ) -> None:
        """Keeps rejected lines, sealed; position: how many of the batch are kept already."""
        document = {
            "_id": new_id(self.clock()),
            "application": batch["application"],
            "batch": batch["_id"],
            "position": position,
            "numbers": [one.number for one in rejected],
            "reasons": [one.reason for one in rejected],
            "lines": seals.encrypt([one.text for one in rejected]),
        }
        await self.store.insert(REJECTED, [document])

    async def stream_rejected(self, batch: Json, seals: LineCipher) -> AsyncIterator[Json]:
        """The rejected lines of a batch as they were sent: `line`, `reason`, `text`."""
        where = equal("batch", batch["_id"])
        async for documents in self.store.stream(REJECTED, where, sort=(SortKey("position"),)):
            for document in documents:
                texts = seals.decrypt(document["lines"])
                for number, reason, text in zip(document["numbers"], document["reasons"], texts, strict=True):
                    yield {"line": number, "reason": reason, "text": text}

    async def erase_rejected(self, application: str, name: str, seals: LineCipher) -> None:
        """Removes the rejected lines that hold this text, or that nobody can read, from an application's batches."""
        async for documents in self.store.stream(REJECTED, equal("application", application)):
            for document in documents:
                this = equal("_id", document["_id"])
                left = _without(document, name, seals)
                if left is None:
                    await self.store.delete(REJECTED, this)
                elif left != document:
                    await self.store.replace(REJECTED, this, left)

    async def delete_expired_rejected(self, application: str, before: datetime) -> None:
        """Removes the rejected lines of an application's batches that were last touched before an instant."""
        old = equal("application", application) & Between("updatedAt", None, stamp(before))
        identifiers = tuple(batch["_id"] for batch in await self.store.find(BATCHES, old, fields=()))
        if identifiers:
            await self.store.delete(REJECTED, equal("application", application) & OneOf("batch", identifiers))

    async def delete_rejected(self, batch: Json) -> None:
        """Removes the rejected lines of a batch."""
        await self.store.delete(REJECTED, equal("batch", batch["_id"]))


def _without(document: Json, name: str, seals: LineCipher) -> Json | None:
    """A block of rejected lines without those that hold a text; None when it cannot be read."""
    try:
        texts = seals.decrypt(document["lines"])
    except DecryptionError:
        return None
    kept = [at for at, text in enumerate(texts) if name not in text]
    if len(kept) == len(texts):
        return document
    told = {key: [document[key][at] for at in kept] for key in ("numbers", "reasons")}
    return document | told | {"lines": seals.encrypt([texts[at].encode() for at in kept])}
