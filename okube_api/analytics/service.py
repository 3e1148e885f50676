"""One question from the request to the bytes of its answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from okube_api.analytics.answer import areas_by_name, elements, name_areas
from okube_api.analytics.answer_cache import Recall, Seal
from okube_api.analytics.directory import Directory
from okube_api.analytics.explain import explained
from okube_api.analytics.modules import MODULES
from okube_api.analytics.resource_cache import Known
from okube_api.analytics.schemas.requests import Query
from okube_api.analytics.scope import Subject
from okube_api.analytics.table import rows_of, written
from okube_api.clock import Clock
from okube_api.engine.calendar import Mode, Period, PeriodError, day_of, local_day, period
from okube_api.engine.panels import Panels
from okube_api.engine.question import Question
from okube_api.engine.run import Answered, answer
from okube_api.errors import Away, Impossible, TooMuchToRead
from okube_api.settings import Settings
from okube_api.store.base import Json, Reader, Store, TooManyRows


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the URL and the headers say of an answer."""

    start: date | None = None
    end: date | None = None
    uplift: bool = False
    meta: bool = False
    explain: bool = False
    csv: bool = False


class Analytics:
    """Answers questions, within the limits that are set.

    freshness: the last instant ingested of an application, by its id.
    """

    def __init__(
        self, store: Store, clock: Clock, settings: Settings, freshness: Callable[[str], Awaitable[str | None]]
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._freshness = freshness
        self._known = Known(store)
        self._panels = Panels()
        self.recall = Recall(store, clock)

    async def answer(self, query: Query, subject: Subject, wanted: Wanted) -> tuple[bytes, Seal]:
        """The answer's bytes, JSON or CSV, and what they follow from beside documents.

        Raises Impossible, UnknownReference, TooMuchToRead, and Away when it took too long.
        """
        started = time.monotonic()
        self._check(query)
        today = local_day(self._clock(), subject.application.timezone)
        span = self._period(subject, wanted, today)
        directory = Directory(self._store, self._known, subject.application.id)
        resolve = MODULES[query.module].resolve
        question = await resolve(query, subject, span, wanted.uplift, directory)
        async with self._reader(subject.application.id) as reader:
            seal = Seal(subject.application.id, subject.application.timezone, today, reader.version)
            found = await answer(question, reader, self._panels)
            plan = explained(found.plan, reader) if wanted.explain else None
        if found.read.is_small:
            results = elements(question, found.found)
        else:
            results = await asyncio.to_thread(elements, question, found.found)
        codes = areas_by_name(found.found, results, always=wanted.csv)
        areas = await directory.area_names(codes) if codes else {}
        if wanted.csv:
            return await asyncio.to_thread(lambda: written(rows_of(question, found.found, results, areas))), seal
        name_areas(results, areas)
        if not wanted.meta and not wanted.explain:
            return orjson.dumps(results), seal
        meta = await self._meta(question, subject, found, started)
        whole = {"results": results, "meta": meta} | ({"plan": plan} if plan is not None else {})
        return orjson.dumps(whole), seal

    def _check(self, query: Query) -> None:
        most = self._settings.query_params
        if len(query.params) > most:
            raise Impossible.at(
                "body", "/params", f"A question has at most {most} params; this one {len(query.params)}."
            )

    def _period(self, subject: Subject, wanted: Wanted, today: date) -> Period:
        start, end = wanted.start, wanted.end
        if start is None and end is None and subject.study is not None:
            start, end = (_date(subject.study.get(side)) for side in ("from", "to"))
        try:
            return period(start, end, today)
        except PeriodError as error:
            pointer = "/to" if start is None and end is not None else "/from"
            raise Impossible.at("query", pointer, str(error)) from None

    @asynccontextmanager
    async def _reader(self, application: str) -> AsyncIterator[Reader]:
        """A view of the rows, with what goes past the limits turned into refusals that say what to narrow."""
        limit, seconds = self._settings.query_rows, self._settings.query_timeout_s
        try:
            async with (
                asyncio.timeout(seconds),
                self._store.reading(application, row_limit=limit, timeout_s=seconds) as reader,
            ):
                yield reader
        except TooManyRows:
            raise TooMuchToRead(
                f"The question would read more than {limit:,} rows. Ask for a shorter period, for fewer sites, or "
                "for fewer scopes and filters at once: a KPI by one scope, without filters on others, reads the least."
            ) from None
        except TimeoutError:
            raise Away(
                f"The question took more than {seconds:g} seconds. Ask for a shorter period or for fewer params."
            ) from None

    async def _meta(self, question: Question, subject: Subject, found: Answered, started: float) -> Json:
        return {
            "from": day_of(question.period.first).isoformat(),
            "to": day_of(question.period.last).isoformat(),
            "timezone": subject.application.timezone,
            "freshness": await self._freshness(question.application),
            "uplift": question.uplift,
            "rows": found.read.rows,
            "ms": round((time.monotonic() - started) * 1000),
            "buckets": _buckets(question),
            "notes": list(found.notes),
        }


def _date(text: Any) -> date | None:
    return date.fromisoformat(text) if text else None


def _buckets(question: Question) -> Mapping[str, list[str]]:
    """The first day of every increment, by granularity."""
    found = {}
    for ask in question.asks:
        buckets = ask.buckets(question.period)
        if buckets is not None and ask.mode is Mode.HISTOGRAM:
            found[ask.granularity.value] = [day_of(day).isoformat() for day in buckets.first_days]
    return found
