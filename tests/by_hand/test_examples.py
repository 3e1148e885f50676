"""The computation by hand, compared with examples on paper and with those of the specification."""

from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest

from tests.by_hand.conversion import _lift
from tests.by_hand.costs import list_daily_costs
from tests.by_hand.geomarketing import geomarketing, new_days
from tests.by_hand.paths import build_path, linear, shapley, shapley_by_definition
from tests.by_hand.question import Question
from tests.by_hand.results import breakdown, distribution
from tests.by_hand.sessions import derive_sessions
from tests.by_hand.truth import Campaign, Cost, Delivery, Detection, Equipment, Panelist, Place, Stay, Touch, Truth

PARIS = ZoneInfo("Europe/Paris")
NOON = datetime(2024, 3, 5, 12, tzinfo=UTC)


def test_distribution_of_three_stays() -> None:
    leaf = distribution(
        "s", "sessions", (0, 300, 900), [(100, Fraction(1)), (400, Fraction(2)), (None, Fraction(1))], False
    )
    assert leaf == {
        "unit": "s",
        "measure": "sessions",
        "bins": [
            {"from": 0, "to": 300, "value": 1, "share": 0.3333},
            {"from": 300, "to": 900, "value": 2, "share": 0.6667},
            {"from": 900, "to": None, "value": 0, "share": 0.0},
        ],
        "unknown": 1,
        "total": 4,
        "mean": 300.0,
        "median": 450.0,  # 1.5 of 3: a quarter of the way into the second bin
    }


def test_median_in_the_open_bin_is_not_known() -> None:
    assert distribution("s", "sessions", (0, 300), [(1000, Fraction(1))], False)["median"] is None


def test_breakdown_orders_by_value_then_key() -> None:
    leaf = breakdown({"b": Fraction(1), "a": Fraction(1), "c": Fraction(2), None: Fraction(5)}, {"c": "C"}, False)
    assert [item["key"] for item in leaf["items"]] == ["c", "a", "b"]
    assert [item["share"] for item in leaf["items"]] == [0.5, 0.25, 0.25]
    assert (leaf["unknown"], leaf["total"]) == (5, 9)


def test_comparison_of_the_specification() -> None:
    assert _lift(1000, 52, 1000, 40) == {
        "lift": 0.3,
        "incrementalVisitors": 12.0,
        "ci95": [-0.131, 0.9448],
        "significant": False,
    }


def test_new_again_after_twelve_months() -> None:
    days = [date(2023, 2, 28), date(2024, 2, 27), date(2025, 2, 26), date(2026, 2, 27)]
    assert new_days(days) == {date(2023, 2, 28), date(2026, 2, 27)}
    assert new_days([date(2023, 2, 28), date(2024, 2, 29)]) == {date(2023, 2, 28)}


@pytest.mark.parametrize("paths", [["abab", "b", "ca"], ["abc", "abc", "bd", "d"], ["a"], ["", "ab"]])
def test_shapley_is_an_equal_share_of_the_distinct(paths: list[str]) -> None:
    summed: dict[str, Fraction] = {}
    for step in paths:
        for campaign, credit in shapley(step).items():
            summed[campaign] = summed.get(campaign, Fraction(0)) + credit
    assert shapley_by_definition(paths) == summed


def test_linear_counts_every_touch() -> None:
    assert linear("aba") == {"a": Fraction(2, 3), "b": Fraction(1, 3)}


def test_path_windows_runs_and_control() -> None:
    def touch(days: float, campaign: str, kind: str) -> Touch:
        return Touch("u", campaign, NOON - timedelta(days=days), kind)

    windows = {"click": 30, "print": 7, "opening": 7}
    touches = [
        touch(30, "a", "click"),  # exactly at the limit: eligible
        touch(30.01, "z", "click"),
        touch(7.01, "z", "print"),
        touch(6, "b", "print"),
        touch(5, "b", "click"),  # the last of its run
        touch(4, "z", "control"),
        touch(3, "a", "opening"),
        touch(0, "z", "click"),  # not before the outcome
    ]
    steps = build_path(touches, NOON, lambda step: windows[step.kind])
    assert [(step.campaign, step.kind) for step in steps] == [("a", "click"), ("b", "click"), ("a", "opening")]


def test_costs_by_day() -> None:
    campaign = Campaign(
        "c",
        "c",
        "lever",
        costs=(
            Cost("fixed", Fraction(10), date(2024, 2, 28), date(2024, 3, 1)),
            Cost("cpm", Fraction(5), first=date(2024, 3, 1)),
            Cost("cpc", Fraction(1, 4)),
        ),
    )
    deliveries = [Delivery("c", date(2024, 2, 29), prints=1000, clicks=2), Delivery("c", date(2024, 3, 1), prints=500)]
    by_day: dict[date, Fraction] = {}
    for part in list_daily_costs(campaign, deliveries):
        by_day[part.day] = by_day.get(part.day, Fraction(0)) + part.amount
    third = Fraction(10, 3)
    assert by_day == {
        date(2024, 2, 28): third,
        date(2024, 2, 29): third + Fraction(1, 2),
        date(2024, 3, 1): third + Fraction(5, 2),
    }


def test_a_session_and_its_passages() -> None:
    equipments = [Equipment("a", "a", "s"), Equipment("b", "b", "s")]
    walk = [("a", 0), ("a", 60), ("b", 100), ("a", 400), ("b", 400 + 1800), ("a", 400 + 1800 + 1801)]
    detections = [Detection("d", equipment, NOON + timedelta(seconds=at)) for equipment, at in walk]
    (session,) = derive_sessions(detections, equipments, 1800, 120)
    assert session.path == ("a", "b", "a", "b")
    assert {p.equipment: (p.dwell_s, p.rank) for p in session.passages().values()} == {"a": (1900, 1), "b": (300, 2)}


@pytest.mark.parametrize("mode", ["histogram", "aggregation"])
@pytest.mark.parametrize("granularity", ["day", "week", "month", "year"])
def test_four_kpis_of_two_users_over_the_year_end(mode: str, granularity: str) -> None:
    site = Place("s", "s", "S", (2.35, 48.85))
    truth = Truth(
        sites=[site],
        panelists=[Panelist("u", Fraction(5, 2))],
        stays=[
            Stay("u", "s", "indoor", datetime(2020, 12, 31, 23, 50, tzinfo=PARIS), 1200),
            Stay("u", "s", "indoor", datetime(2021, 1, 3, 10, tzinfo=PARIS), 300),
            Stay("v", "s", "indoor", datetime(2021, 1, 3, 11, tzinfo=PARIS), 600),
            Stay("v", "s", "outdoor", datetime(2021, 1, 3, 12, tzinfo=PARIS), 600),
        ],
    )
    question = Question(date(2020, 12, 28), date(2021, 1, 4), mode, granularity, uplift=True)
    keys = {
        ("histogram", "day"): ("3", "6", 8),
        ("histogram", "week"): ("0", "0", 2),
        ("histogram", "month"): ("0", "1", 2),
        ("histogram", "year"): ("0", "1", 2),
        ("aggregation", "day"): ("4", "7", 7),
        ("aggregation", "week"): ("53", "53", 2),
        ("aggregation", "month"): ("12", "1", 2),
        ("aggregation", "year"): ("2020", "2021", 2),
    }
    first, second, buckets = keys[mode, granularity]
    together = first == second
    attendance = geomarketing(truth, "attendance", question)
    assert attendance["all"] == 6.0
    assert len(attendance["temporals"]) == buckets
    assert attendance["temporals"][second] == (6.0 if together else 3.5)
    users = geomarketing(truth, "uniqUsers", question)
    assert (users["all"], users["temporals"][first]) == (3.5, 3.5 if together else 2.5)
    assert geomarketing(truth, "posSessions", question)["all"] == 6.0
    timespent = geomarketing(truth, "timespent", question)
    assert timespent["all"] == 725.0  # (2.5 * 1200 + 2.5 * 300 + 600) / 6
    assert timespent["temporals"][first] == (725.0 if together else 1200.0)
    assert list(timespent["temporals"].values()).count(None) == buckets - len({first, second})
