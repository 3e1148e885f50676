"""The generated events look like those of a retailer: opening hours, seasons, growth, new and closed shops, refunds."""

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.formats import CITY, HYPERMARKET, SUPERMARKET
from okube_api.demo.generator.world import DemoSite, World, build_worlds

UNTIL = date(2025, 1, 5)
SCALE = 0.3
ZONE = ZoneInfo("Europe/Paris")
SHOPS_CLOSE = {(1, 1), (5, 1), (12, 25)}


@dataclass(frozen=True)
class LocalVisit:
    """A visit to a shop by the local clock."""

    site: DemoSite
    at: datetime


@pytest.fixture(scope="module")
def world() -> World:
    return build_worlds(UNTIL, SCALE)[0]


@pytest.fixture(scope="module")
def events(world: World) -> dict[str, list[dict[str, Any]]]:
    kinds = ("visits", "purchases", "detections")
    return {kind: rows.to_pylist() for kind, rows in generate_events(world) if kind in kinds}


@pytest.fixture(scope="module")
def visits(world: World, events: dict[str, list[dict[str, Any]]]) -> list[LocalVisit]:
    """Return the visits to shops."""
    shops = {site.key: site for site in world.sites if site.coordinates}
    return [
        LocalVisit(shops[row["site"]], row["at"].astimezone(ZONE)) for row in events["visits"] if row["site"] in shops
    ]


def is_within_openings(visit: LocalVisit) -> bool:
    time_of_day = f"{visit.at:%H:%M}"
    return any(start <= time_of_day < end for start, end in visit.site.shop_format.openings[visit.at.weekday()])


def test_nearly_all_visits_are_within_the_opening_hours(visits: list[LocalVisit]) -> None:
    outside = [visit for visit in visits if not is_within_openings(visit)]
    assert 0 < len(outside) < 0.01 * len(visits)
    for visit in outside:
        earlier, later = (
            LocalVisit(visit.site, visit.at + sign * timedelta(minutes=30)) for sign in (-1, 1)
        )  # those who are early or late by less than half an hour
        assert is_within_openings(earlier) or is_within_openings(later)


@pytest.mark.parametrize("shop_format", [CITY, HYPERMARKET, SUPERMARKET], ids=lambda each: each.name)
def test_saturday_is_the_busiest_day(visits: list[LocalVisit], shop_format: object) -> None:
    by_weekday = Counter(visit.at.weekday() for visit in visits if visit.site.shop_format is shop_format)
    assert max(by_weekday, key=lambda weekday: by_weekday[weekday]) == 5


def test_shops_are_closed_on_holidays(visits: list[LocalVisit]) -> None:
    assert not [visit for visit in visits if (visit.at.month, visit.at.day) in SHOPS_CLOSE]


def test_december_is_the_busiest_month(visits: list[LocalVisit]) -> None:
    by_month = Counter(visit.at.month for visit in visits if visit.at.year == 2024)
    assert max(by_month, key=lambda month: by_month[month]) == 12


def test_visits_grow_by_a_few_percent(world: World, visits: list[LocalVisit]) -> None:
    """Compare the last 52 weeks with the 52 weeks before, in the shops that were open all the time."""
    first = UNTIL - timedelta(days=363)
    always = [visit.at.date() for visit in visits if (visit.site.first, visit.site.last) == (world.first, world.last)]
    now = sum(first <= day for day in always)
    then = sum(first - timedelta(days=364) <= day < first for day in always)
    assert 1.0 < now / then < 1.12


def test_one_shop_opened_and_one_closed(world: World, visits: list[LocalVisit]) -> None:
    [opened] = [site for site in world.sites if site.first != world.first]
    [closed] = [site for site in world.sites if site.last != world.last]
    assert world.last - timedelta(days=364) < opened.first
    assert world.last - timedelta(days=364) < closed.last
    days = {site.key: [visit.at.date() for visit in visits if visit.site is site] for site in (opened, closed)}
    assert opened.first <= min(days[opened.key]) < opened.first + timedelta(days=14)
    assert closed.last - timedelta(days=14) < max(days[closed.key]) <= closed.last


def test_refunds_follow_purchases_of_the_same_user_at_the_same_site(events: dict[str, list[dict[str, Any]]]) -> None:
    purchases = {row["order"]: row for row in events["purchases"] if row["amount"] > 0}
    refunds = [row for row in events["purchases"] if row["amount"] < 0]
    assert len(refunds) + len(purchases) == len(events["purchases"])
    assert 0.03 < len(refunds) / len(purchases) < 0.06
    for refund in refunds:
        purchase = purchases[refund["order"].replace("refund", "order")]
        assert (refund["user"], refund["site"]) == (purchase["user"], purchase["site"])
        assert refund["at"] > purchase["at"]
        assert -refund["amount"] <= purchase["amount"]


@pytest.mark.parametrize("number", [0, 1], ids=["larger", "smaller"])
def test_campaigns_of_every_lever_run_on_the_last_day_and_52_weeks_before(number: int) -> None:
    world = build_worlds(UNTIL, SCALE)[number]
    for day in (UNTIL, UNTIL - timedelta(days=364)):
        running = {campaign.lever_index for campaign in world.campaigns if campaign.first <= day <= campaign.last}
        assert running == set(range(6))
