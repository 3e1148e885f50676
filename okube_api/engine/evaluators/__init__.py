"""The rules of evaluation: `evaluators/x.py` evaluates the expressions of `catalogue/expressions/x.py`."""

from okube_api.engine.evaluate import evaluate, evaluate_number
from okube_api.engine.evaluators import (
    affinity,
    amplitude,
    breakdowns,
    composites,
    costs,
    distributions,
    exposure,
    matrix,
    numbers,
    order,
    visitors,
)

__all__ = [
    "affinity",
    "amplitude",
    "breakdowns",
    "composites",
    "costs",
    "distributions",
    "evaluate",
    "evaluate_number",
    "exposure",
    "matrix",
    "numbers",
    "order",
    "visitors",
]
