"""Evaluates the terms of expressions on fetched rows, by one scope and one set of buckets."""

from collections.abc import Callable, Hashable
from typing import Any

from okube_api.catalogue.scopes import Scope
from okube_api.engine.calendar import Buckets
from okube_api.engine.fetched_rows import FetchedRows
from okube_api.engine.question import Question
from okube_api.engine.sums import SumEvaluator
from okube_api.engine.term_rows import RowReader
from okube_api.engine.user_counts import UserEvaluator


class TooManyCells(Exception):
    """An evaluation would make more cells than it may."""


class Evaluator:
    """Evaluates the terms of expressions by one scope and one set of buckets.

    Results are by cell: `scope value * width + bucket`; the last bucket (`width - 1`) is the whole period.

    reader: the rows of terms.  sums: sums of measures.  users: sets of users.
    scope_values: the values of the scope, by number.
    most_cells: how many cells the results of one expression may have; None without a limit.
    """

    def __init__(
        self,
        fetched: FetchedRows,
        question: Question,
        scope: Scope,
        buckets: Buckets | None,
        most_cells: int | None = None,
    ) -> None:
        self.question, self.scope, self.buckets = question, scope, buckets
        self.most_cells = most_cells
        self.reader = RowReader(fetched, question, scope, buckets)
        self.sums = SumEvaluator(self.reader)
        self.users = UserEvaluator(self.reader, fetched.panel)
        self.scope_values = self.reader.scope_values
        self.width = self.reader.width
        self._computed: dict[Hashable, Any] = {}

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
