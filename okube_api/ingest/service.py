"""Events in, facts out: what the routes, the command line and the demonstration call.

A batch is received first: its events are stored, and count nowhere.  Then it is shown: one change makes it count and
writes the facts that follow from it.  Whoever dies in between leaves a batch that is waiting; `resume` shows it.
"""

import asyncio
import hashlib
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, time
from functools import partial
from pathlib import Path
from tempfile import TemporaryFile

import structlog

from okube_api.applications.repository import APPLICATIONS
from okube_api.catalogue.buckets import to_date, to_ordinal
from okube_api.clock import Clock
from okube_api.errors import Impossible, Refusal, RequestConflict
from okube_api.ingest.batches import Batches, State
from okube_api.ingest.columns.allocator import limit_arenas
from okube_api.ingest.encryption import DecryptionError, LineCipher
from okube_api.ingest.erasure import erase
from okube_api.ingest.events.kinds import KINDS
from okube_api.ingest.load.loader import FileBlock, LoadCounts, OnProgress, Receiver, parquet_blocks, text_blocks
from okube_api.ingest.load.normalizer import Normalizer
from okube_api.ingest.load.pseudonyms import DEVICE, USER, Digests, Pseudonyms
from okube_api.ingest.load.references import ReferenceResolver
from okube_api.ingest.parse.codecs import Encoding, Format, create_decoder, detect_format
from okube_api.ingest.raw.reader import read_live_batches
from okube_api.ingest.refresh.context import load_context
from okube_api.ingest.refresh.documents import DerivedDocuments
from okube_api.ingest.refresh.refresh import Batch, FactRefresh, find_expired_days
from okube_api.ingest.retry import commit_with_retry
from okube_api.kit.application import Application
from okube_api.kit.ids import new_id
from okube_api.store.base import EVERYTHING, Change, Json, Store, equal

_ALIVE_EVERY_S = 15.0
_READ_BYTES = 2**20

log = structlog.stdlib.get_logger("okube.ingest")


@dataclass(frozen=True, slots=True)
class EventFile:
    """A file of events as it comes.

    name: what it is called, for people.  content: a hash of the file, where it is known beforehand.  path: where it
    lies on disk as it is, if it does.
    """

    chunks: AsyncIterator[bytes]
    format: Format
    encoding: Encoding = Encoding.IDENTITY
    name: str | None = None
    content_hash: str | None = None
    path: Path | None = None


class Ingest:
    """Takes events, keeps batches, derives facts."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        secret: bytes,
        *,
        memory_limit: str = "256MB",
        threads: int = 2,
        keep_days: int | None = None,
    ) -> None:
        """keep_days: how old an event may become, in days; None for ever."""
        limit_arenas()
        self.store, self.clock, self._secret = store, clock, secret
        self._memory_limit, self._threads, self._keep_days = memory_limit, threads, keep_days
        self._seals = LineCipher(secret)
        self._documents = DerivedDocuments(store, clock)
        self._showing: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._later: set[asyncio.Task[Json]] = set()
        self.batches = Batches(store, clock)

    # -- in

    async def ingest(
        self,
        application: Application,
        kind: str,
        source: EventFile,
        *,
        atomic: bool = False,
        on_progress: OnProgress | None = None,
    ) -> Json:
        """The batch of a file, visible to questions.

        Bad lines are left out and kept with the batch; with `atomic`, one of them refuses the whole file.
        Raises Impossible then, and whenever the whole file cannot be read.
        """
        batch = await self.load(application, kind, source, atomic=atomic, tell=on_progress)
        return await self.publish_one(application, batch)

    async def ingest_file(
        self, application: Application, kind: str, path: Path, *, atomic: bool = False, tell: OnProgress | None = None
    ) -> Json:
        """The same of a file on disk; one that was taken before, or half, is not taken twice but finished."""
        shape, encoding = detect_format(path)
        content = await asyncio.to_thread(_digest, path)
        known = await self.batches.find_by_content(application.id, kind, content)
        if known is not None:
            return known if known["state"] == State.VISIBLE else await self.publish_one(application, known)
        source = EventFile(_pieces(path), shape, encoding, path.name, content, path)
        return await self.ingest(application, kind, source, atomic=atomic, on_progress=tell)

    async def load(
        self,
        application: Application,
        kind: str,
        source: EventFile,
        *,
        atomic: bool = False,
        tell: OnProgress | None = None,
    ) -> Json:
        """The batch of a file, its events stored, waiting to be shown.  Raises as `take` does."""
        about = {"format": source.format, "name": source.name, "content": source.content_hash, "atomic": atomic}
        batch = await self.batches.create(application.id, kind, {key: value for key, value in about.items() if value})
        try:
            async with self._alive(batch):
                tally = await self._received(application, batch, source, tell)
                if atomic and tally.rejected:
                    raise _NotAtomic(tally)
        except Refusal as refusal:
            await self._refuse(batch, refusal)
            raise
        except BaseException:
            with suppress(Exception):  # what went wrong first is what counts
                await asyncio.shield(self._interrupt(batch))
            raise
        return await self.batches.update(batch, _noted(tally) | {"state": State.WAITING, "stored": tally.stored})

    async def _received(
        self, application: Application, batch: Json, source: EventFile, tell: OnProgress | None
    ) -> LoadCounts:
        digests = Digests(self._memory_limit, self._threads)
        recorder = Normalizer(
            KINDS[batch["kind"]],
            Pseudonyms(self.store, application.id, self._secret),
            ReferenceResolver(self.store, self.clock, application.id),
            digests,
            self._since(),
        )
        receiver = Receiver(self.store, self.batches, self._seals, KINDS[batch["kind"]], recorder)
        try:
            async with _blocks(batch["kind"], source) as blocks:
                return await receiver.receive(batch, blocks, tell)
        finally:
            digests.close()

    @asynccontextmanager
    async def _alive(self, batch: Json) -> AsyncIterator[None]:
        """Keeps a batch from looking abandoned."""

        async def repeat() -> None:
            while True:
                await asyncio.sleep(_ALIVE_EVERY_S)
                with suppress(Exception):
                    await self.batches.update(batch, {})

        task = asyncio.create_task(repeat())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _refuse(self, batch: Json, refusal: Refusal) -> None:
        await self._drop_events(batch)
        noted = _noted(refusal.tally) if isinstance(refusal, _NotAtomic) else {}
        await self.batches.update(batch, {**noted, "state": State.REFUSED, "message": refusal.detail})

    async def _interrupt(self, batch: Json) -> None:
        await self._drop_events(batch)
        await self.batches.delete_rejected(batch)
        await self.batches.update(batch, {"state": State.INTERRUPTED, "message": "The file did not come to its end."})

    async def _drop_events(self, batch: Json) -> None:
        await commit_with_retry(
            self.store,
            batch["application"],
            f"{batch['_id']}:dropped:{new_id(self.clock())}",
            lambda change: change.remove(KINDS[batch["kind"]].table, batch["number"]),
        )

    # -- shown

    async def publish_one(self, application: Application, batch: Json) -> Json:
        """The batch, visible to questions: makes it count, and the facts that follow from it."""
        return (await self.publish(application, [batch]))[0]

    async def publish(self, application: Application, batches: Sequence[Json]) -> list[Json]:
        """Makes batches visible in one step; those that are already stay so."""
        async with self._showing[application.id]:
            found = [await self.batches.get_batch(application.id, batch["_id"]) for batch in batches]
            waiting = [batch for batch in found if batch["state"] == State.WAITING]
            counting = await self.read_live_kinds(application.id)
            if new := [batch for batch in waiting if batch["number"] not in counting]:
                name = f"{new[0]['_id']}:shown"
                await commit_with_retry(self.store, application.id, name, partial(self._bring, application, new))
            await self._documents.update(application.id, {batch["kind"] for batch in waiting})
            seen = {batch["_id"]: await self._note_visible(batch) for batch in waiting}
            return [seen.get(batch["_id"], batch) for batch in found]

    async def _note_visible(self, batch: Json) -> Json:
        stored = await self.batches.get_batch(batch["application"], batch["_id"])
        return await self.batches.update(stored, {"state": State.VISIBLE})

    async def _bring(self, application: Application, batches: Sequence[Json], change: Change) -> None:
        deriving = FactRefresh(change, await load_context(self.store, application))
        counts = await deriving.add([Batch(batch["number"], batch["kind"]) for batch in batches])
        for batch in batches:
            count = counts[batch["number"]]
            await self.batches.update(batch, {"accepted": count, "duplicate": batch["stored"] - count})

    def publish_in_background(self, application: Application, batch: Json) -> None:
        """Shows a batch in the background; when that fails, `resume` does it."""
        task = asyncio.create_task(self.publish_one(application, batch))
        self._later.add(task)
        task.add_done_callback(self._shown)

    def _shown(self, task: "asyncio.Task[Json]") -> None:
        self._later.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("ingest.not_shown", error=repr(error))

    async def close(self) -> None:
        """Ends what goes on in the background; what is not done is done by `resume`."""
        for task in self._later:
            task.cancel()
        await asyncio.gather(*self._later, return_exceptions=True)

    async def read_live_kinds(self, application: str) -> dict[int, str]:
        """The kinds of the batches that questions see, by number."""
        async with self.store.open_reader(application) as view:
            return await read_live_batches(view)

    async def stream_rejected(self, batch: Json) -> AsyncIterator[Json]:
        """The rejected lines of a batch: `line`, `reason`, `text` as it was sent."""
        try:
            async for line in self.batches.stream_rejected(batch, self._seals):
                yield line
        except DecryptionError:
            raise Impossible("The rejected lines were sealed by another secret key: they cannot be read.") from None

    # -- out

    async def remove_batch(self, application: Application, batch: Json) -> None:
        """Takes a batch back: its events, and what followed from them.  Raises InFlight while it is received."""
        if batch["state"] == State.RECEIVING:
            raise RequestConflict("The batch is still being received. Try again when it is not.")
        async with self._showing[application.id]:
            batch = await self.batches.update(batch, {"state": State.REMOVING})
            await commit_with_retry(
                self.store, application.id, f"{batch['_id']}:removed", partial(self._take_away, application, batch)
            )
            await self._documents.update(application.id, {batch["kind"]})
            await self.batches.delete(batch)

    async def _take_away(self, application: Application, batch: Json, change: Change) -> None:
        deriving = FactRefresh(change, await load_context(self.store, application))
        await deriving.remove([Batch(batch["number"], batch["kind"])])

    async def erase_user(self, application: Application, name: str) -> None:
        """Removes everything that is known of the user or device of this name."""
        identities = Pseudonyms(self.store, application.id, self._secret)
        numbers = {kind: await identities.find_number(kind, name) for kind in (USER, DEVICE)}
        known = {kind: number for kind, number in numbers.items() if number is not None}
        async with self._showing[application.id]:
            if known:
                change = f"erased:{new_id(self.clock())}"
                await commit_with_retry(self.store, application.id, change, partial(self._erase, application, known))
        await self.batches.erase_rejected(application.id, name, self._seals)

    async def _erase(self, application: Application, numbers: Mapping[str, int], change: Change) -> None:
        async with self.store.open_reader(application.id) as view:
            await erase(change, view, await load_context(self.store, application), numbers)

    # -- too old

    def _since(self) -> int | None:
        """The first UTC day whose events are kept; None when all are."""
        return None if self._keep_days is None else to_ordinal(self.clock().date()) - self._keep_days

    async def delete_expired(self) -> None:
        """Removes what is older than is kept, of every application: events, what followed from them, rejected lines."""
        since = self._since()
        if since is None:
            return
        async for documents in self.store.stream(APPLICATIONS, EVERYTHING):
            for document in documents:
                await self._forget(Application.from_document(document), since)

    async def _forget(self, application: Application, since: int) -> None:
        async def work(change: Change) -> None:
            await FactRefresh(change, await load_context(self.store, application)).expire(since)

        async with self._showing[application.id]:
            async with self.store.open_reader(application.id) as view:
                old = await find_expired_days(view, since)
            if old:
                await commit_with_retry(self.store, application.id, f"forgotten:{new_id(self.clock())}", work)
                await self._documents.update(application.id, set(old))
                log.info("ingest.forgotten", application=application.id, before=to_date(since).isoformat())
        await self.batches.delete_expired_rejected(application.id, datetime.combine(to_date(since), time.min, UTC))

    # -- again

    async def rebuild(self, application: Application, kinds: Collection[str] = tuple(KINDS)) -> None:
        """Writes the facts of events of some kinds anew, from the events."""

        async def again(change: Change) -> None:
            await FactRefresh(change, await load_context(self.store, application)).rebuild(kinds)

        async with self._showing[application.id]:
            await commit_with_retry(self.store, application.id, f"rebuilt:{new_id(self.clock())}", again)
            await self._documents.update(application.id, set(kinds))

    async def resume(self) -> None:
        """Finishes what processes that died left half-done, and tidies up after them."""
        for batch in await self.batches.find_abandoned(self.clock()):
            await self._interrupt(batch)
        left: defaultdict[str, list[Json]] = defaultdict(list)
        for batch in await self.batches.find_in_states(State.WAITING, State.REMOVING):
            left[batch["application"]].append(batch)
        for identifier, batches in left.items():
            document = await self.store.get(APPLICATIONS, equal("_id", identifier))
            if document is not None:
                application = Application.from_document(document)
                for batch in batches:
                    if batch["state"] == State.REMOVING:
                        await self.remove_batch(application, batch)
                await self.publish(application, [batch for batch in batches if batch["state"] == State.WAITING])


class _NotAtomic(Impossible):
    """422: a file that was to be taken whole has bad lines."""

    code = "rejected_lines"

    def __init__(self, tally: LoadCounts) -> None:
        first = tally.reasons[0]
        count = f"{tally.rejected:,} lines are" if tally.rejected > 1 else "A line is"
        message = f"{count} rejected, so nothing was taken. Line {first['line']}: {first['reason']}"
        super().__init__(message, extra={"rejected": tally.rejected, "reasons": tally.reasons})
        self.tally = tally


def _noted(tally: LoadCounts) -> Json:
    found: Json = {"rejected": tally.rejected, "reasons": tally.reasons}
    known = {"latest": tally.latest_ms, "header": tally.header}
    return found | {name: value for name, value in known.items() if value is not None}


# -- files ----------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _blocks(kind: str, source: EventFile) -> AsyncIterator[AsyncIterator[FileBlock]]:
    """The blocks of a file; Parquet that comes as a stream needs a file on disk, which nobody else can open."""
    if source.format is not Format.PARQUET:
        yield text_blocks(source.chunks, kind, source.format, source.encoding)
    elif source.path is not None and source.encoding is Encoding.IDENTITY:
        with source.path.open("rb") as file:
            yield parquet_blocks(file, kind)
    else:
        with TemporaryFile(prefix="okube-") as spool:
            undo = create_decoder(source.encoding)
            async for data in source.chunks:
                for piece in await asyncio.to_thread(undo.feed, data):
                    await asyncio.to_thread(spool.write, piece)
            undo.end()
            yield parquet_blocks(spool, kind)


async def _pieces(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while data := await asyncio.to_thread(file.read, _READ_BYTES):
            yield data


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, partial(hashlib.blake2b, digest_size=32)).hexdigest()
