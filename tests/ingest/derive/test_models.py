"""The four attribution models, computed from rows of CREDITS, against their definitions and published figures."""

from collections import defaultdict
from collections.abc import Mapping
from fractions import Fraction

import pytest
from hypothesis import given
from tests.by_hand.paths import MODELS, shapley_by_definition
from tests.ingest.derive.journeys import CREDIT, Journey, collapse_runs, credit_campaigns, journeys


def drop_zeros(credits: Mapping[str, Fraction]) -> dict[str, Fraction]:
    return {name: credit for name, credit in credits.items() if credit}


@given(journeys)
def test_credits_sum_to_the_attributed_visits(journeys_of_users: list[Journey]) -> None:
    attributed = sum(1 for journey in journeys_of_users if journey)
    for model, credits in credit_campaigns(journeys_of_users).items():
        assert sum(credits.values()) == attributed, model


@given(journeys)
def test_credits_are_those_of_the_definitions(journeys_of_users: list[Journey]) -> None:
    credits = credit_campaigns(journeys_of_users)
    assert credits.keys() == CREDIT.keys() == MODELS.keys()
    for model, credit in MODELS.items():
        expected: dict[str, Fraction] = defaultdict(Fraction)
        for journey in journeys_of_users:
            for campaign, part in credit(collapse_runs(journey)).items():
                expected[campaign] += part
        assert credits[model] == drop_zeros(expected), model


@given(journeys)
def test_shapley_is_the_value_of_the_game_by_enumeration(journeys_of_users: list[Journey]) -> None:
    assert credit_campaigns(journeys_of_users)["shapley"] == drop_zeros(
        shapley_by_definition([collapse_runs(journey) for journey in journeys_of_users])
    )


AIRCRAFT = (  # type, movements of 1968-69, cost of the runway that it needs in pounds, fee per movement
    ("Fokker Friendship 27", 42, 65_899, "4.86"),
    ("Viscount 800", 9555, 76_725, "5.66"),
    ("Hawker Siddeley Trident", 288, 95_200, "10.30"),
    ("Britannia 100", 303, 97_200, "10.85"),
    ("Caravelle VI R", 151, 97_436, "10.92"),
    ("BAC 111 (50)", 1315, 98_142, "11.13"),
    ("Vanguard 953", 505, 102_496, "13.40"),
    ("Comet 4B", 1128, 104_849, "15.07"),
    ("Britannia 300", 151, 113_322, "44.80"),
    ("Convair Coronado", 112, 115_440, "60.61"),
    ("Boeing 707", 22, 117_676, "162.24"),
)


@pytest.mark.slow
def test_shapley_on_the_landing_fees_of_an_airport() -> None:
    """Share the cost of the runway of Birmingham airport among the movements of aircraft.

    S. C. Littlechild and G. Owen, "A Simple Expression for the Shapley Value in a Special Case", Management Science 20
    (1973), 370-372; its figures are those of S. C. Littlechild and G. F. Thompson, "Aircraft Landing Fees: A Game
    Theory Approach", Bell Journal of Economics 8 (1977), 186-204.

    Each of the 13,572 movements is a player.  A game and its dual have the same Shapley value, and the dual of "a
    coalition pays for the longest runway that it needs" is: what a runway costs more than the next shorter one is an
    outcome, which all movements that need as much must be there for.  A movement is a campaign here, an increment of
    cost a journey through all of those, as often as it has pounds.
    """
    first, paid, fees = 0, 0, dict.fromkeys(range(sum(count for _, count, _, _ in AIRCRAFT)), Fraction(0))
    for _, count, cost, _ in AIRCRAFT:
        journey = [f"{number:05}" for number in range(first, len(fees))]
        for movement, credit in credit_campaigns([journey])["shapley"].items():
            fees[int(movement)] += credit * (cost - paid)
        first, paid = first + count, cost
    assert sum(fees.values()) == AIRCRAFT[-1][2]
    first = 0
    for name, count, _, fee in AIRCRAFT:
        assert {f"{float(fees[number]):.2f}" for number in range(first, first + count)} == {fee}, name
        first += count


def test_shapley_on_a_worked_example() -> None:
    """Share 100 conversions among three campaigns: 45.5 for Facebook, 20.5 for organic search, 34 for LinkedIn.

    The article "Data-Driven Marketing Attribution" (Towards Data Science,
    https://towardsdatascience.com/data-driven-marketing-attribution-1a28d2e613a0) enumerates the coalitions.  That the
    sum of shares 1 / k is the same is the simplification of Zhao, Mahboobi and Bagheri (2018, arXiv:1804.05327).
    """
    conversions = {"F": 20, "O": 10, "L": 17, "FO": 17, "FL": 30, "OL": 0, "FOL": 6}
    journeys_of_users = [list(campaigns) for campaigns, times in conversions.items() for _ in range(times)]
    expected = {"F": Fraction("45.5"), "O": Fraction("20.5"), "L": Fraction(34)}
    assert credit_campaigns(journeys_of_users)["shapley"] == expected
    assert shapley_by_definition(journeys_of_users) == expected


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
    assert credit_campaigns([["a", "a", "b", "a"]])[model] == expected
