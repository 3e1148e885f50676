"""The four models of attribution, as the rows of CREDITS give them."""

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from tests.by_hand.paths import MODELS, shapley_by_definition
from tests.ingest.derive.journeys import CREDIT, Journey, credited, journeys, path


def without_zeros(credits: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {name: credit for name, credit in credits.items() if credit}


@given(journeys)
def test_credits_sum_to_the_attributed_visits(found: list[Journey]) -> None:
    attributed = sum(1 for journey in found if journey)
    for model, credits in credited(found).items():
        assert sum(credits.values()) == attributed, model


@given(journeys)
def test_credits_are_those_of_the_definitions(found: list[Journey]) -> None:
    credits = credited(found)
    assert credits.keys() == CREDIT.keys() == MODELS.keys()
    for model, credit in MODELS.items():
        expected: dict[str, Fraction] = defaultdict(Fraction)
        for journey in found:
            for campaign, part in credit(path(journey)).items():
                expected[campaign] += part
        assert credits[model] == without_zeros(expected), model


@given(journeys)
def test_shapley_is_the_value_of_the_game_by_enumeration(found: list[Journey]) -> None:
    assert credited(found)["shapley"] == without_zeros(shapley_by_definition([path(journey) for journey in found]))


def test_shapley_on_a_worked_example() -> None:
    """100 conversions of the article "Data-Driven Marketing Attribution" (Towards Data Science,
    https://towardsdatascience.com/data-driven-marketing-attribution-1a28d2e613a0), which enumerates the coalitions:
    45.5, 20.5 and 34 of them go to Facebook, organic search and LinkedIn.  That the sum of shares 1 / k comes to the
    same is the simplification of Zhao, Mahboobi and Bagheri (2018, arXiv:1804.05327).
    """
    conversions = {"F": 20, "O": 10, "L": 17, "FO": 17, "FL": 30, "OL": 0, "FOL": 6}
    found = [list(campaigns) for campaigns, times in conversions.items() for _ in range(times)]
    expected = {"F": Fraction("45.5"), "O": Fraction("20.5"), "L": Fraction(34)}
    assert credited(found)["shapley"] == expected
    assert shapley_by_definition(found) == expected


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        ("linear", {"a": Fraction(2, 3), "b": Fraction(1, 3)}),
        ("shapley", {"a": Fraction(1, 2), "b": Fraction(1, 2)}),
        ("fc", {"a": 1}),
        ("lc", {"a": 1}),
    ],
)
def test_a_campaign_that_comes_back(model: str, expected: Mapping[str, Fraction]) -> None:
    assert credited([["a", "a", "b", "a"]])[model] == expected
