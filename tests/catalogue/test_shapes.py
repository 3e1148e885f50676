"""The examples of leaves are answers that can occur: what follows from the other fields is computed from them."""

from math import exp, log, sqrt

import pytest
from okube_api.catalogue.kpi import LeafShape
from okube_api.catalogue.shapes import EXAMPLES


def test_comparison() -> None:
    example = EXAMPLES[LeafShape.COMPARISON]
    (users, visitors), (control_users, control_visitors) = (
        (example[group]["users"], example[group]["visitors"]) for group in ("exposed", "control")
    )
    rate, control_rate = visitors / users, control_visitors / control_users
    error = 1.96 * sqrt(1 / visitors - 1 / users + 1 / control_visitors - 1 / control_users)
    middle = log(rate / control_rate)
    assert example["lift"] == pytest.approx(rate / control_rate - 1)
    assert example["incrementalVisitors"] == pytest.approx(users * (rate - control_rate))
    assert example["ci95"] == [round(exp(middle + sign * error) - 1, 4) for sign in (-1, 1)]
    assert example["significant"] is (example["ci95"][0] > 0 or example["ci95"][1] < 0)


@pytest.mark.parametrize(
    ("leaf", "part", "numerator", "denominator"),
    [
        (LeafShape.CAPTURE, "captureRate", ("visitor",), ("visitor", "pedestrian")),
        (LeafShape.VISITS_AND_CONVERSIONS, "rate", ("conversions",), ("visits",)),
        (LeafShape.LEVER, "ctr", ("clicks",), ("prints",)),
        (LeafShape.LEVER, "costByVisit", ("cost",), ("offlineVisits", "onlineVisits")),
    ],
)
def test_ratios(leaf: LeafShape, part: str, numerator: tuple[str, ...], denominator: tuple[str, ...]) -> None:
    example = EXAMPLES[leaf]
    above, below = (sum(example[name] for name in names) for names in (numerator, denominator))
    assert example[part] == round(above / below, 4)


def test_matrix() -> None:
    example = EXAMPLES[LeafShape.MATRIX]
    assert example["rate"] == [[round(value / row[i], 4) for value in row] for i, row in enumerate(example["users"])]
