"""Answers a question: from the request to the bytes of the answer."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from okube_api.analytics.admission import Admission, estimate_cost, is_for_thread
from okube_api.analytics.answer import collect_area_codes
from okube_api.analytics.answer_cache import AnswerCache, CacheEntry, CacheKey, RenderedAnswer, Validity
from okube_api.analytics.answer_options import AnswerOptions
from okube_api.analytics.answered_question import AnsweredQuestion
from okube_api.analytics.comparisons import RequestedComparison, list_compared_periods
from okube_api.analytics.directory import Directory
from okube_api.analytics.empty_answers import HasPings, explain_empty_params
from okube_api.analytics.explain import explain_plans
from okube_api.analytics.like_for_like import ClosedSite, OpenRule, find_closed_sites, leave_out_sites
from okube_api.analytics.memory_watch import MemoryWatch
from okube_api.analytics.meta import build_meta
from okube_api.analytics.modules import MODULES
from okube_api.analytics.progress import PartProgress
from okube_api.analytics.rendering import render_json, render_table
from okube_api.analytics.resolved_query import resolve_query
from okube_api.analytics.resource_cache import ResourceCache
from okube_api.analytics.schemas.query import Query
from okube_api.analytics.scope import QuestionScope
from okube_api.auth.repository import User
from okube_api.catalogue.kpi import Module
from okube_api.clock import Clock
from okube_api.engine.calendar import Period, to_local_date
from okube_api.engine.notes import Note, NoteCode
from okube_api.engine.panel_cache import PanelCache
from okube_api.engine.period_answers import answer_periods
from okube_api.engine.question import Question
from okube_api.engine.rollup_versions import CompleteFacts
from okube_api.engine.run import answer
from okube_api.engine.value_budget import ValueBudget
from okube_api.errors import QuestionTimeout, ServiceUnavailable, SumTooLarge, TooMuchToRead
from okube_api.metrics import count_computed_answer
from okube_api.settings import Settings
from okube_api.shared_work import SharedWork
from okube_api.sites.repository import SITES
from okube_api.store.errors import TooManyRows
from okube_api.store.protocol import Reader, Store
from okube_api.threads import run_in_thread

_MOST_VALUES_ON_LOOP = 5000
_MEMORY_RETRY_S = 5


@dataclass(frozen=True, slots=True)
class BackgroundRun:
    """How to answer a question for which no client waits.

    timeout_s: the time that it may take, from the moment at which it is in work.
    report: called with the share that is done, from 0 to 1.
    """

    timeout_s: float
    report: Callable[[float], None]


STALE_FACTS = Note(
    NoteCode.STALE_FACTS,
    "Settings or places have changed, and the facts are being rebuilt: values may still be those of before the change.",
)
"""The note on answers whose facts are older than the settings of the application."""


class Analytics:
    """Answers questions within the limits of the settings, from the answer cache where possible.

    freshness: reads the instant of an application's last ingest, by its id.
    is_stale: returns whether facts of an application are older than its settings and places, by its id.
    has_pings: returns whether there are pings in a period.
    """

    def __init__(
        self,
        store: Store,
        clock: Clock,
        settings: Settings,
        *,
        freshness: Callable[[str], Awaitable[str | None]],
        is_stale: Callable[[str], Awaitable[bool]],
        has_pings: HasPings,
    ) -> None:
        self._store = store
        self._clock = clock
        self._settings = settings
        self._freshness, self._is_stale, self._has_pings = freshness, is_stale, has_pings
        self._resources = ResourceCache(store)
        self._panels = PanelCache()
        self._complete_facts = CompleteFacts()
        places = settings.query_places or os.cpu_count() or 1
        self._admission = Admission(places, settings.query_queue)
        self._memory_watch = MemoryWatch(settings.process_memory_mb * 2**20)
        self._computing = SharedWork[RenderedAnswer]()
        self.answer_cache = AnswerCache(store, clock)

    async def find_cached(self, key: CacheKey, user: User) -> CacheEntry | None:
        """Return the entry of a question in the answer cache; None if it is absent, outdated or not for this user."""
        entry = await self.answer_cache.get(key)
        if entry is None or user.get_role(entry.validity.application) is None:
            return None
        return entry

    async def answer(
        self,
        query: Query,
        scope: QuestionScope,
        options: AnswerOptions,
        *,
        key: CacheKey | None = None,
        documents_revision: str | None = None,
        background: BackgroundRun | None = None,
    ) -> RenderedAnswer:
        """Return an answer, and cache it under `key`; it is computed once for callers that ask the same meanwhile.

        documents_revision: the revision of the documents (`AnswerCache.revision`) before any of them was read; without
        it or without a key, and with options that differ at each call (`meta`, `explain`), the answer is neither cached
        nor shared.
        background: how to answer a question for which no client waits, within `admit_in_background`.
        Raise Impossible, UnknownReference, TooMuchToRead and TooManyValues, and ServiceUnavailable when it takes too
        long, or when too many questions wait.
        """
        if background is not None:
            return await self._compute(query, scope, options, background=background)
        is_first = key is None or documents_revision is None or options.meta or options.explain
        if is_first:
            return await self._compute(query, scope, options)

        def start() -> Awaitable[RenderedAnswer]:
            nonlocal is_first
            is_first = True
            return self._compute(query, scope, options, key=key, documents_revision=documents_revision)

        # The versions are part of the key: whoever asks after a change gets an answer with it.
        application = scope.application
        async with self._open_reader(application.id) as reader:
            rows_version = reader.version
        today = to_local_date(self._clock(), application.timezone)
        rendered = await self._computing.get((key, documents_revision, rows_version, today), start)
        if rendered.content.file is not None and not is_first:  # a file is for one response, which closes it
            return await self._compute(query, scope, options)
        return rendered

    def admit_in_background(self) -> AbstractAsyncContextManager[None]:
        """Wait until no large question waits, and hold the place of a question in the background."""
        return self._admission.admit_in_background()

    async def check(self, query: Query, scope: QuestionScope, options: AnswerOptions) -> None:
        """Raise Impossible, UnknownReference or TooManyValues if `answer` would without reading any rows."""
        today = to_local_date(self._clock(), scope.application.timezone)
        directory = Directory(self._store, self._resources, scope.application.id)
        longest_hours_d = self._settings.query_hours_d
        resolved = await resolve_query(query, scope, options, directory, today=today, longest_hours_d=longest_hours_d)
        budget = ValueBudget(self._settings.query_values, self._settings.query_grouped_values)
        for question in (question for group in resolved.questions for question in group.values()):
            budget.check_certain_values(question)

    async def _compute(
        self,
        query: Query,
        scope: QuestionScope,
        options: AnswerOptions,
        *,
        key: CacheKey | None = None,
        documents_revision: str | None = None,
        background: BackgroundRun | None = None,
    ) -> RenderedAnswer:
        """Compute an answer, and cache it under `key` (see `answer`)."""
        started_s = time.monotonic()
        application = scope.application
        today = to_local_date(self._clock(), application.timezone)
        timeout_s = self._settings.query_timeout_s if background is None else background.timeout_s
        is_like_for_like = query.compare is not None and query.compare.like_for_like
        directory = Directory(self._store, self._resources, application.id)
        in_background = background is not None
        async with self._limit_time_and_memory(timeout_s, in_background=in_background), AsyncExitStack() as stack:
            resolved = await resolve_query(
                query, scope, options, directory, today=today, longest_hours_d=self._settings.query_hours_d
            )
            comparisons = resolved.comparisons
            notes = [note for comparison in comparisons if (note := comparison.find_note()) is not None]
            if is_stale := await self._is_stale(application.id):  # not cached, since the note ends with the rebuild
                notes, key = [*notes, STALE_FACTS], None
            questions = resolved.add_notes(notes).questions
            cost = sum(estimate_cost(question) for group in questions for question in group.values())
            in_thread = in_background or any(
                is_for_thread(question, cost) for group in questions for question in group.values()
            )
            progress: PartProgress | None = None
            if background is None:
                await stack.enter_async_context(self._admission.admit(cost))
            else:  # the parts: to read for each period and to compute, for each group, and to write the answer
                progress = PartProgress(sum(len(group) + 1 for group in questions) + 1, background.report)

            # Read and compute: all questions over one snapshot.
            async with self._open_reader(application.id, timeout_s) as reader:
                rows_version = reader.version
                closed: tuple[ClosedSite, ...] = ()
                if is_like_for_like:
                    closed = await self._find_closed_sites(query.module, questions, comparisons, reader, directory)
                    questions = [leave_out_sites(group, closed) for group in questions]
                answered = await self._answer_all(
                    questions, comparisons, reader, in_thread=in_thread, is_stale=is_stale, progress=progress
                )
                plan = explain_plans(answered, reader) if options.explain else None

            # From arrays to bytes: in a thread when they are many, so that the event loop is not blocked.
            engine_answers = [engine_answer for each in answered for engine_answer in each.answers]
            codes = collect_area_codes(
                (kpi_result for engine_answer in engine_answers for kpi_result in engine_answer.kpi_results),
                always=options.answer_format.is_table,
            )
            areas = await directory.read_area_names(codes) if codes else {}
            if options.answer_format.is_table:
                render = partial(render_table, answered, areas, options.answer_format, query.module)
            else:
                envelope = None
                if options.meta or options.explain:
                    meta = build_meta(
                        query,
                        scope,
                        options,
                        resolved.period,
                        answered,
                        closed=closed,
                        freshness=await self._freshness(application.id),
                        ms=round((time.monotonic() - started_s) * 1000),
                    )
                    envelope = {"meta": meta} if plan is None else {"meta": meta, "plan": plan}
                render = partial(render_json, answered, areas, envelope)
            rows = sum(engine_answer.fetched.rows for engine_answer in engine_answers)
            count_computed_answer(rows, sum(engine_answer.values for engine_answer in engine_answers))
            is_small = not options.answer_format.is_typed and (
                all(engine_answer.fetched.is_small for engine_answer in engine_answers)
                and sum(engine_answer.values for engine_answer in engine_answers) <= _MOST_VALUES_ON_LOOP
            )
            content = render() if is_small and not in_thread else await run_in_thread(render)

        all_notes = tuple(dict.fromkeys(note for each in answered for note in each.answer.notes))
        rendered = RenderedAnswer(content, query.module, options.answer_format, all_notes)
        if key is not None and documents_revision is not None and not options.meta and not options.explain:
            validity = Validity(application.id, application.timezone, today, rows_version, documents_revision)
            self.answer_cache.put(key, CacheEntry(rendered, validity))
        return rendered

    async def _answer_all(
        self,
        questions: Iterable[Mapping[Period, Question]],
        comparisons: tuple[RequestedComparison, ...],
        reader: Reader,
        *,
        in_thread: bool,
        is_stale: bool,
        progress: PartProgress | None = None,
    ) -> list[AnsweredQuestion]:
        """Answer the questions of one request, within one limit of values.

        is_stale: whether facts are being rebuilt; then they do not say why a param has no values.
        questions: for each group of params, the question about each period; its own period is the first.
        """
        answered: list[AnsweredQuestion] = []
        budget = ValueBudget(self._settings.query_values, self._settings.query_grouped_values)
        parts = 0
        for by_period in questions:
            own, *compared_periods = by_period
            options: dict[str, Any] = {
                "complete_facts": self._complete_facts,
                "budget": budget,
                "in_thread": in_thread,
                "on_pass": None if progress is None else progress.finish_pass,
            }
            if compared_periods:
                answers = await answer_periods(by_period, comparisons[0].days, reader, self._panels, **options)
            else:
                answers = {own: await answer(by_period[own], reader, self._panels, **options)}
            notes = [
                note
                for period, question in ({} if is_stale else by_period).items()
                for note in await explain_empty_params(
                    question, answers[period], reader, self._has_pings, self._complete_facts
                )
            ]
            own_answer = replace(answers[own], notes=(*answers[own].notes, *notes))
            compared = {period: (by_period[period], answers[period]) for period in compared_periods}
            answered.append(AnsweredQuestion(by_period[own], own_answer, comparisons, compared))
            parts += len(by_period) + 1
            if progress is not None:
                progress.finish_until(parts)
        return answered

    async def _find_closed_sites(
        self,
        module: Module,
        questions: Iterable[Mapping[Period, Question]],
        comparisons: Iterable[RequestedComparison],
        reader: Reader,
        directory: Directory,
    ) -> tuple[ClosedSite, ...]:
        settings = self._settings
        rows = MODULES[module].open_rows
        rule = OpenRule(rows, settings.like_for_like_days, settings.like_for_like_days_with_data)
        sites = await directory.load(SITES)
        own_questions = [next(iter(by_period.values())) for by_period in questions]
        return await find_closed_sites(own_questions, list_compared_periods(comparisons), reader, sites, rule)

    @asynccontextmanager
    async def _limit_time_and_memory(self, timeout_s: float, *, in_background: bool) -> AsyncIterator[None]:
        """End the work after some time, or when the process takes too much memory.

        Raise QuestionTimeout or ServiceUnavailable then, which say what to reduce.
        """
        timeout = asyncio.timeout(timeout_s)
        with self._memory_watch.watch(timeout, in_background=in_background):
            try:
                async with timeout:
                    yield
            except TimeoutError:
                if self._memory_watch.has_ended(timeout):
                    raise ServiceUnavailable(
                        "The question was stopped because the server has too little memory for it now. Ask for a "
                        "shorter period, or for fewer params and scopes.",
                        _MEMORY_RETRY_S,
                    ) from None
                raise QuestionTimeout(
                    f"The question took more than {timeout_s:g} seconds. Ask for a shorter period or for fewer params."
                ) from None

    @asynccontextmanager
    async def _open_reader(self, application: str, timeout_s: float | None = None) -> AsyncIterator[Reader]:
        """Open a reader with the limits of the settings; turn its errors into refusals that say what to reduce.

        timeout_s: the time of each call; None for that of the settings.
        """
        limit, timeout_s = self._settings.query_rows, timeout_s or self._settings.query_timeout_s
        try:
            async with self._store.open_reader(application, row_limit=limit, timeout_s=timeout_s) as reader:
                yield reader
        except TooManyRows:
            raise TooMuchToRead(
                f"The question needs more than {limit:,} rows. Ask for a shorter period, fewer sites, or fewer scopes "
                "and filters: a KPI by one scope, without filters on other scopes, reads the fewest rows."
            ) from None
        except OverflowError:
            raise SumTooLarge(
                "A sum of the answer has more digits than the store can hold (34 in MongoDB, else 38). Ask for a "
                "shorter period or fewer sites, or without uplift, and check the amounts and weights that were sent."
            ) from None
