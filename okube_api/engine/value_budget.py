"""Counts the values of an answer while it is computed, and refuses it when they are more than allowed."""

from okube_api.engine.evaluator import TooManyCells
from okube_api.engine.question import Question, RequestedKpi, RequestedScope
from okube_api.errors import TooManyValues

_CELLS_PER_VALUE = 8
"""How many cells may be computed for each value that an answer may have: cells whose number rounds to 0 and those of
scope values beyond a `limit` are not in the answer."""


class ValueBudget:
    """The values of the answer to one request, over all of its questions.

    most_values: how many there may be.  most_grouped: of those, by the groupings of `by`.  None: no limit.
    """

    def __init__(self, most_values: int | None = None, most_grouped: int | None = None) -> None:
        self._most_values, self._most_grouped = most_values, most_grouped
        self._values = self._grouped_values = 0

    @property
    def most_cells(self) -> int | None:
        """How many cells may be computed for one KPI by one scope."""
        return None if self._most_values is None else self._most_values * _CELLS_PER_VALUE

    def check_certain_values(self, question: Question) -> None:
        """Raise TooManyValues when already the buckets of `globals`, which all have a value, are more than allowed."""
        if self._most_values is None:
            return
        values = self._values
        for request in question.requested_kpis:
            buckets = question.buckets_of(request)
            for by in request.scopes:
                if not by.levels:
                    values += request.all + (len(buckets.labels) if buckets is not None else 0)
                    if values > self._most_values:
                        raise _refuse(self._most_values, request, by)

    def add(self, request: RequestedKpi, by: RequestedScope, values: int) -> None:
        """Count the values of a param by one of its scopes.  Raise TooManyValues when they are too many."""
        self._values += values
        if self._most_values is not None and self._values > self._most_values:
            raise _refuse(self._most_values, request, by)
        if by.field == "by":
            self._grouped_values += values
            if self._most_grouped is not None and self._grouped_values > self._most_grouped:
                raise _refuse(self._most_grouped, request, by)

    def refuse_cells(self, request: RequestedKpi, by: RequestedScope, error: TooManyCells) -> TooManyValues:
        """Return the refusal of a param whose cells are too many to be computed."""
        if self._most_values is None:
            raise error
        return _refuse(self._most_values, request, by)


def _refuse(most_values: int, request: RequestedKpi, by: RequestedScope) -> TooManyValues:
    place = f"param {request.position} ('{request.kpi.name}' by {by.name})"
    if by.field == "by":
        message = (
            f"The groupings of 'by' have more than {most_values:,} values, reached at {place}. Ask for a shorter "
            "period, a coarser 'granularity' or 'temporals': false, for one grouping instead of two, for filters, or "
            "for a 'limit' of each grouping."
        )
    else:
        message = (
            f"The answer has more than {most_values:,} values, reached at {place}. Ask for a shorter period, a coarser "
            "'granularity', fewer scopes or params, for filters, or for a 'limit' of the scope."
        )
    return TooManyValues.at("body", f"/params/{request.position}/{by.field}", message)
