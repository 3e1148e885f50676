"""The questions that a request becomes, answered over one snapshot, and their results in the order of the params."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from okube_api.engine.kpi_results import KpiResult
from okube_api.engine.question import Question
from okube_api.engine.run import EngineAnswer


@dataclass(frozen=True, slots=True)
class AnsweredQuestion:
    """A question about some params of a request, and its answer."""

    question: Question
    answer: EngineAnswer

    @property
    def positions(self) -> tuple[int, ...]:
        """The positions of its params in the request."""
        return tuple(requested_kpi.position for requested_kpi in self.question.requested_kpis)


def order_results(answered: Sequence[AnsweredQuestion]) -> Iterator[tuple[Question, Sequence[KpiResult]]]:
    """Yield the results of all questions in the order of the params, as runs of results of the same question."""
    if len(answered) == 1:
        yield answered[0].question, answered[0].answer.kpi_results
        return
    placed = [
        (kpi_result.kpi_request.position, index, kpi_result)
        for index, each in enumerate(answered)
        for kpi_result in each.answer.kpi_results
    ]
    placed.sort(key=lambda result: result[:2])
    for index, run in groupby(placed, key=lambda result: result[1]):
        yield answered[index].question, [kpi_result for _, _, kpi_result in run]
