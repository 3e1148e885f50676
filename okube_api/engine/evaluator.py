"""Evaluates the terms of expressions on fetched rows, by any dimensions and one set of buckets."""

from collections.abc import Callable, Collection, Hashable, Mapping
from typing import Any

from okube_api.catalogue.scopes import Scope
from okube_api.engine.calendar import Buckets
from okube_api.engine.dimensions import Dimension, get_expression_scope, has_scope
from okube_api.engine.fetched_rows import FetchedRows
from okube_api.engine.question import Question
from okube_api.engine.sums import SumEvaluator
from okube_api.engine.term_rows import RowReader
from okube_api.engine.user_counts import UserEvaluator


class TooManyCells(Exception):
    """An evaluation would make more cells than it may."""


class Evaluator:
    """Evaluates the terms of expressions by any dimensions and one set of buckets.

    Results are by cell: `scope value * width + bucket`; the last bucket (`width - 1`) is the whole period.

    scope: the scope whose expressions compute the KPI.
    reader: the rows of terms.  sums: sums of measures.  users: sets of users.
    scope_values: the values of a single dimension, by number; the pairs of two are in `reader.pairs`.
    most_cells: how many cells the results of one expression may have; None without a limit.
    """

    def __init__(
        self,
        fetched: FetchedRows,
        question: Question,
        dimensions: tuple[Dimension, ...],
        buckets: Buckets | None,
        *,
        most_cells: int | None = None,
        shown: Mapping[str, Collection[str]] | None = None,
    ) -> None:
        """Evaluate by dimensions; `shown`: see `PairNumbers`."""
        self.question, self.dimensions, self.buckets = question, dimensions, buckets
        self.scope = get_expression_scope(dimensions)
        self.most_cells = most_cells
        self.reader = RowReader(fetched, question, dimensions, buckets, shown)
        self.sums = SumEvaluator(self.reader)
        self.users = UserEvaluator(self.reader, fetched.panel)
        self.scope_values = self.reader.scope_values
        self.width = self.reader.width
        self._computed: dict[Hashable, Any] = {}

    def has_scope(self, scope: Scope) -> bool:
        """Return whether one of the dimensions is of a scope."""
        return has_scope(self.dimensions, scope)

    def check_cells(self, count: int) -> None:
        """Raise TooManyCells when `count` cells are more than allowed.

        Call it before an array is made whose length is not bounded by the rows that were read, but by products such as
        sites times days.
        """
        if self.most_cells is not None and count > self.most_cells:
            raise TooManyCells

    def compute_once(self, key: Hashable, compute: Callable[[], Any]) -> Any:
        """Return what `compute` returned for the key; call it only the first time."""
        if key not in self._computed:
            self._computed[key] = compute()
        return self._computed[key]
