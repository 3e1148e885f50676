"""Resolves a request: ids for names, KPIs for params, and periods for days."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Self

from okube_api.analytics.answer_options import AnswerOptions
from okube_api.analytics.comparisons import RequestedComparison, list_compared_periods, read_comparisons
from okube_api.analytics.directory import Directory
from okube_api.analytics.hours import check_hour_period, with_timezones
from okube_api.analytics.modules import MODULES
from okube_api.analytics.param_groups import ParamGroup, group_params
from okube_api.analytics.schemas.query import Query
from okube_api.analytics.scope import QuestionScope
from okube_api.catalogue.buckets import to_ordinal
from okube_api.engine.calendar import Period, PeriodError, resolve_period
from okube_api.engine.notes import Note
from okube_api.engine.question import Question
from okube_api.errors import Impossible


@dataclass(frozen=True, slots=True)
class ResolvedQuery:
    """A request with ids for names.

    period: its own period, the first of each group.
    questions: for each group of params, the question about each period.
    """

    period: Period
    comparisons: tuple[RequestedComparison, ...]
    questions: list[Mapping[Period, Question]]

    def add_notes(self, notes: Sequence[Note]) -> Self:
        """Return the request with further notes on the answer of its first group about its own period."""
        if not notes:
            return self
        first, *others = self.questions
        own = first[self.period]
        return replace(self, questions=[{**first, self.period: replace(own, notes=(*own.notes, *notes))}, *others])


async def resolve_query(
    query: Query,
    scope: QuestionScope,
    options: AnswerOptions,
    directory: Directory,
    *,
    today: date,
    longest_hours_d: int,
) -> ResolvedQuery:
    """Turn names into ids and params into KPIs: for each group of params, one question about each period.

    today: the local date of the application.  longest_hours_d: length of the longest period by hour, in days.
    Raise Impossible and UnknownReference.
    """
    period = _resolve_own_period(scope, options, today)
    comparisons = read_comparisons(query.compare, scope, period, last_complete=to_ordinal(today) - 1)
    periods = list(dict.fromkeys((period, *list_compared_periods(comparisons))))
    questions = [await _resolve_periods(group, scope, periods, options, directory) for group in group_params(query)]
    for question in (question for group in questions for question in group.values()):
        check_hour_period(question, longest_hours_d)
    return ResolvedQuery(period, comparisons, questions)


def _resolve_own_period(scope: QuestionScope, options: AnswerOptions, today: date) -> Period:
    start, end = options.start, options.end
    if start is None and end is None and scope.study is not None:
        start, end = (date.fromisoformat(day) if (day := scope.study.get(side)) else None for side in ("from", "to"))
    try:
        return resolve_period(start, end, today)
    except PeriodError as error:
        pointer = "/to" if start is None and end is not None else "/from"
        raise Impossible.at("query", pointer, str(error)) from None


async def _resolve_periods(
    group: ParamGroup, scope: QuestionScope, periods: Iterable[Period], options: AnswerOptions, directory: Directory
) -> Mapping[Period, Question]:
    """Return the question of a group of params about each period.

    It is resolved once, unless a filter keeps some days: of these, each period has its own.
    """
    resolve, timezone = MODULES[group.module].resolve, scope.application.timezone
    questions: dict[Period, Question] = {}
    own: Question | None = None
    for period in periods:
        if own is not None and own.days is None and not own.alternatives:
            questions[period] = replace(own, period=period)
            continue
        question = await resolve(group, scope, period, options.uplift, directory)
        questions[period] = await with_timezones(question, timezone, directory)
        own = own or questions[period]
    return questions
