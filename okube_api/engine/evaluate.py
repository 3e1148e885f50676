"""Generic functions that evaluate expressions; `evaluators/x.py` has their rules for `catalogue/expressions/x.py`."""

from functools import singledispatch

from okube_api.catalogue.value import Number, Value
from okube_api.engine.evaluator import Evaluator
from okube_api.engine.grid import Grid
from okube_api.engine.results import Results


@singledispatch
def evaluate(value: Value, evaluator: Evaluator) -> Results:
    """Return the results of an expression, by cell of the evaluator."""
    raise NotImplementedError(f"No rule for {type(value).__name__}.")


@singledispatch
def evaluate_number(value: Number, evaluator: Evaluator) -> Grid:
    """Return the exact number of an expression, by cell of the evaluator."""
    raise NotImplementedError(f"No rule for {type(value).__name__}.")
