"""One question from the request to the bytes of its answer."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson

from okube_api.analytics.answer import collect_area_codes, build_results, name_areas
from okube_api.analytics.answer_cache import AnswerCache, Validity
from okube_api.analytics.directory import Directory
from okube_api.analytics.explain import explained
from okube_api.analytics.modules import MODULES
from okube_api.analytics.resource_cache import ResourceCache
from okube_api.analytics.schemas.requests import Query
from okube_api.analytics.scope import QuestionScope
from okube_api.analytics.table import flatten_results, write_csv
from okube_api.clock import Clock
from okube_api.engine.calendar import Mode, Period, PeriodError, to_date, local_day, resolve_period
from okube_api.engine.panels import PanelCache
from okube_api.engine.question import Question
from okube_api.engine.run import EngineAnswer, answer
from okube_api.errors import ServiceUnavailable, Impossible, TooMuchToRead
from okube_api.settings import Settings
from okube_api.store.base import Json, Reader, Store, TooManyRows


@dataclass(frozen=True, slots=True)
class AnswerOptions:
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
        self._known = ResourceCache(store)
        self._panels = PanelCache()
        self.recall = AnswerCache(store, clock)

    async def answer(self, query: Query, subject: QuestionScope, wanted: AnswerOptions) -> tuple[bytes, Validity]:
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
            seal = Validity(subject.application.id, subject.application.timezone, today, reader.version)
            found = await answer(question, reader, self._panels)
            plan = explained(found.plan, reader) if wanted.explain else None
        if found.fetched.is_small:
            results = build_results(question, found.kpi_results)
        else:
            results = await asyncio.to_thread(build_results, question, found.kpi_results)
        codes = collect_area_codes(found.kpi_results, results, always=wanted.csv)
        areas = await directory.read_area_names(codes) if codes else {}
        if wanted.csv:
            return await asyncio.to_thread(lambda: write_csv(flatten_results(question, found.kpi_results, results, areas))), seal
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

    def _period(self, subject: QuestionScope, wanted: AnswerOptions, today: date) -> Period:
        start, end = wanted.start, wanted.end
        if start is None and end is None and subject.study is not None:
            start, end = (_date(subject.study.get(side)) for side in ("from", "to"))
        try:
            return resolve_period(start, end, today)
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
                self._store.open_reader(application, row_limit=limit, timeout_s=seconds) as reader,
            ):
                yield reader
        except TooManyRows:
            raise TooMuchToRead(
                f"The question would read more than {limit:,} rows. Ask for a shorter period, for fewer sites, or "
                "for fewer scopes and filters at once: a KPI by one scope, without filters on others, reads the least."
            ) from None
        except TimeoutError:
            raise ServiceUnavailable(
                f"The question took more than {seconds:g} seconds. Ask for a shorter period or for fewer params."
            ) from None

    async def _meta(self, question: Question, subject: QuestionScope, found: EngineAnswer, started: float) -> Json:
        return {
            "from": to_date(question.period.first).isoformat(),
            "to": to_date(question.period.last).isoformat(),
            "timezone": subject.application.timezone,
            "freshness": await self._freshness(question.application),
            "uplift": question.uplift,
            "rows": found.fetched.rows,
            "ms": round((time.monotonic() - started) * 1000),
            "buckets": _buckets(question),
            "notes": list(found.notes),
        }


def _date(text: Any) -> date | None:
    return date.fromisoformat(text) if text else None


def _buckets(question: Question) -> Mapping[str, list[str]]:
    """The first day of every increment, by granularity."""
    found = {}
    for ask in question.requested_kpis:
        buckets = ask.buckets(question.period)
        if buckets is not None and ask.mode is Mode.HISTOGRAM:
            found[ask.granularity.value] = [to_date(day).isoformat() for day in buckets.first_days]
    return found
