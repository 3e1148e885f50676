"""Lets requests wait for the ends of jobs: one look at the store at a time, however many requests wait."""

import asyncio
from collections import defaultdict
from collections.abc import Set as AbstractSet
from contextlib import suppress

from okube_api.jobs.repository import JobRepository

_POLL_S = 0.25  # between two looks at the jobs that requests wait for


class JobEnds:
    """The ends of the jobs that requests of this process wait for."""

    def __init__(self, jobs: JobRepository) -> None:
        self._jobs = jobs
        self._waiting: defaultdict[str, set[asyncio.Event]] = defaultdict(set)  # by the id of the job
        self._watching: asyncio.Task[None] | None = None

    async def wait(self, identifier: str, timeout_s: float, stopping: asyncio.Event) -> None:
        """Wait until a job has ended or was deleted, or until the server stops, for some seconds at most.

        It may end earlier when the database does not answer.
        """
        ended = asyncio.Event()
        self._waiting[identifier].add(ended)
        if self._watching is None or self._watching.done():  # the store has failed
            self._watching = asyncio.create_task(self._watch())
        waits = [asyncio.create_task(event.wait()) for event in (ended, stopping)]
        try:
            await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            self._waiting[identifier].discard(ended)
            if not self._waiting[identifier]:
                del self._waiting[identifier]
            if not self._waiting and self._watching is not None:
                self._watching.cancel()
                self._watching = None

    async def _watch(self) -> None:
        """Look at the jobs until this is cancelled; end all waits when the store fails, so that requests find out."""
        with suppress(Exception):
            while True:
                await asyncio.sleep(_POLL_S)
                identifiers = set(self._waiting)
                self._end_waits(identifiers - await self._jobs.find_unfinished(identifiers))
        self._end_waits(set(self._waiting))

    def _end_waits(self, identifiers: AbstractSet[str]) -> None:
        for identifier in identifiers:
            for ended in self._waiting.get(identifier, ()):
                ended.set()
