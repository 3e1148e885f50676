"""Stores the results of jobs: the bytes of answers, in parts."""

import base64
import zlib
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import IO

from okube_api.clock import Clock, stamp
from okube_api.errors import NotFound
from okube_api.jobs.repository import KEPT_FOR
from okube_api.kit.ids import new_id
from okube_api.store.conditions import Between, equal
from okube_api.store.protocol import Store
from okube_api.store.schema import Collection, ColumnType
from okube_api.store.values import Json
from okube_api.threads import run_in_thread

JOB_RESULTS = Collection(
    "job_results",
    fields={
        "application": ColumnType.TEXT,
        "job": ColumnType.TEXT,
        "attempt": ColumnType.INTEGER,
        "position": ColumnType.INTEGER,
        "expiresAt": ColumnType.TEXT,
    },
)
"""One document for each part, whose `content` is compressed (zlib), in base64."""

_PART_BYTES = 2**20
_COMPRESSION = 1  # the fastest: JSON and CSV become a fifth already
_LONGER = timedelta(hours=1)
"""How long a part is kept in addition: the job ends, and so expires, later than the part is written."""


@dataclass(frozen=True, slots=True)
class JobResult:
    """The answer to the question of a job: its bytes, `content` or a file that is read once, and its headers."""

    content: bytes
    file: IO[bytes] | None
    size: int
    headers: Mapping[str, str]

    def close(self) -> None:
        """Delete the file."""
        if self.file is not None:
            self.file.close()

    def read(self, position: int) -> bytes:
        """Return the part at a position; parts of a file are read in order."""
        if self.file is not None:
            return self.file.read(_PART_BYTES)
        return self.content[position * _PART_BYTES : (position + 1) * _PART_BYTES]


class JobResults:
    """Stores the results of jobs; each attempt at a job has its own, of which the job names the one that counts."""

    def __init__(self, store: Store, clock: Clock) -> None:
        self._store, self._clock = store, clock

    async def write(self, job: Json, answer: JobResult) -> None:
        """Store the answer of an attempt at a job, one part after the other."""
        for position in range(-(-answer.size // _PART_BYTES)):

            def pack(position: int = position) -> str:
                return base64.b64encode(zlib.compress(answer.read(position), _COMPRESSION)).decode("ascii")

            now = self._clock()
            part = {
                "_id": new_id(now),
                "application": job["application"],
                "job": job["_id"],
                "attempt": job["attempts"],
                "position": position,
                "content": await run_in_thread(pack),
                "expiresAt": stamp(now + KEPT_FOR + _LONGER),
            }
            await self._store.insert(JOB_RESULTS, [part])

    async def read(self, job: Json) -> AsyncIterator[bytes]:
        """Yield the parts of the result of a job.  Raise NotFound when it is deleted meanwhile."""
        within = equal("job", job["_id"]) & equal("attempt", job["attempts"])
        for position in range(-(-job["size"] // _PART_BYTES)):
            part = await self._store.get(JOB_RESULTS, within & equal("position", position))
            if part is None:
                raise NotFound("result of the job", job["_id"])
            yield zlib.decompress(base64.b64decode(part["content"]))

    async def delete_attempt(self, job: Json) -> None:
        """Delete the result of an attempt at a job."""
        await self._store.delete(JOB_RESULTS, equal("job", job["_id"]) & equal("attempt", job["attempts"]))

    async def delete_earlier_attempts(self, job: Json) -> None:
        """Delete what earlier attempts at a job have stored before their processes died."""
        await self._store.delete(JOB_RESULTS, equal("job", job["_id"]) & Between("attempt", None, job["attempts"] - 1))

    async def delete(self, job: Json) -> None:
        """Delete the results of all attempts at a job."""
        await self._store.delete(JOB_RESULTS, equal("job", job["_id"]))

    async def delete_expired(self) -> None:
        """Delete the results that have expired, also those of attempts that did not end."""
        await self._store.delete(JOB_RESULTS, Between("expiresAt", None, stamp(self._clock())))
