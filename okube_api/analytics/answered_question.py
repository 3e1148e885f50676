"""The questions that a request becomes, answered over one snapshot, and their results in the order of the params."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from okube_api.analytics.comparisons import RequestedComparison
from okube_api.analytics.element_comparisons import ElementComparison, compare_results
from okube_api.catalogue.buckets import to_date
from okube_api.engine.calendar import Mode, Period
from okube_api.engine.changes import describe_change
from okube_api.engine.kpi_results import KpiResult
from okube_api.engine.question import Question
from okube_api.engine.run import EngineAnswer
from okube_api.store.values import Json


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """A question about some params of a request, and its answer.

    comparisons: those of the request, in the order asked.
    compared: the same question about the periods that are compared, if they are not its own, and the answers.
    """

    question: Question
    answer: EngineAnswer
    comparisons: tuple[RequestedComparison, ...] = ()
    compared: Mapping[Period, tuple[Question, EngineAnswer]] = field(default_factory=dict)

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions of its params in the request."""
        return tuple(requested_kpi.position for requested_kpi in self.question.requested_kpis)

    @property
    def answers(self) -> Iterator[EngineAnswer]:
        """The answers about all periods, the question's own first."""
        yield self.answer
        for _, answer in self.compared.values():
            yield answer

    def compare(self, index: int) -> Iterator[ElementComparison]:
        """Yield the comparisons of a result of its own period."""
        own = self.answer.kpi_results[index]
        for requested in self.comparisons:
            now = then = None
            if requested.days is not None:
                now, then = (self._find_result(index, days) for days in (requested.days.own, requested.days.other))
            yield compare_results(requested, own, now, then)

    def _find_result(self, index: int, period: Period) -> KpiResult:
        answer = self.answer if period == self.question.period else self.compared[period][1]
        return answer.kpi_results[index]


def order_results(answered: Sequence[AnsweredQuestion]) -> Iterator[tuple[AnsweredQuestion, Sequence[int]]]:
    """Yield the results of all questions in the order of the params, as runs of results of the same question.

    A run is given by the indexes of the results in the answer about the question's own period.
    """
    if len(answered) == 1:
        yield answered[0], range(len(answered[0].answer.kpi_results))
        return
    placed = [
        (kpi_result.kpi_request.position, number, index)
        for number, each in enumerate(answered)
        for index, kpi_result in enumerate(each.answer.kpi_results)
    ]
    placed.sort()
    for number, run in groupby(placed, key=lambda result: result[1]):
        yield answered[number], [index for _, _, index in run]


def describe_changes(answered: Iterable[AnsweredQuestion]) -> Json:
    """Return which change each KPI has; of objects that of each field, by its dotted name."""
    kpis = {request.kpi.name: request.kpi for each in answered for request in each.question.requested_kpis}
    return {name: describe_change(kpi) for name, kpi in kpis.items()}


def list_compared_buckets(answered: Sequence[AnsweredQuestion]) -> list[Mapping[str, list[str]]]:
    """Return of each comparison the first days of the other period's buckets, by granularity, as in histogram mode.

    It is empty when no day of the other period counts.
    """
    return [_list_first_days(answered, requested) for requested in answered[0].comparisons]


def _list_first_days(answered: Iterable[AnsweredQuestion], requested: RequestedComparison) -> Mapping[str, list[str]]:
    if requested.days is None:
        return {}
    other = requested.days.other
    questions = (each.question if other == each.question.period else each.compared[other][0] for each in answered)
    return {
        kpi_request.granularity.value: [to_date(day).isoformat() for day in buckets.first_days]
        for question in questions
        for kpi_request in question.requested_kpis
        if kpi_request.mode is Mode.HISTOGRAM and (buckets := question.buckets_of(kpi_request)) is not None
    }
