"""The generated events look like those of a retailer: opening hours, seasons, growth, new and closed shops, refunds."""

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from okube_api.demo.generator.events import generate_events
from okube_api.demo.generator.formats import CITY, HYPERMARKET, SUPERMARKET
from okube_api.demo.generator.world import DAYS, DemoSite, Outline, World, build_worlds

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


@pytest.mark.slow
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


# -- days that are added later -----------------------------------------------------------------------------------

FIRST = UNTIL - timedelta(days=DAYS - 1)
LATER = UNTIL + timedelta(days=47)


def count_rows(*worlds: World) -> dict[str, Counter[str]]:
    """Return the events of worlds by kind, with how often each occurs; stays and pings at sites are left out."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    for world in worlds:
        for kind, rows in generate_events(world):
            if kind != "pings":
                counts[kind].update(repr(row) for row in rows.to_pylist() if kind != "stays" or row["poi"])
    return counts


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1], ids=["larger", "smaller"])
def test_days_that_are_added_have_the_same_events_as_if_all_were_generated_at_once(number: int) -> None:
    steps = (UNTIL, UNTIL + timedelta(days=1), UNTIL + timedelta(days=20), LATER)
    parts = [build_worlds(UNTIL, 0.05)[number]]
    for before, until in pairwise(steps):
        parts.append(build_worlds(until, 0.05, first=FIRST, since=before + timedelta(days=1))[number])
    at_once = count_rows(build_worlds(LATER, 0.05, first=FIRST)[number])
    assert count_rows(*parts) == at_once
    assert at_once["touches"]
    assert at_once["stays"]


def test_stays_at_sites_are_given_as_pings_on_days_that_are_added() -> None:
    since = UNTIL + timedelta(days=1)
    added = dict(generate_events(build_worlds(LATER, 0.1, first=FIRST, since=since)[0]))
    assert not any(added["stays"]["site"].to_pylist())
    days = {at.astimezone(ZONE).date() for at in added["pings"]["at"].to_pylist()}
    assert min(days) == since
    assert max(days) == LATER


@pytest.mark.parametrize("number", [0, 1], ids=["larger", "smaller"])
def test_campaigns_keep_their_numbers_and_leave_no_month_without_a_lever(number: int) -> None:
    now, later = (build_worlds(until, first=FIRST)[number] for until in (UNTIL, UNTIL + timedelta(days=300)))
    assert set(now.campaigns) < set(later.campaigns)
    assert len({campaign.number for campaign in later.campaigns}) == len(later.campaigns)
    for days in range(300):
        last = UNTIL + timedelta(days=days)
        month = last - timedelta(days=29)
        running = {each.lever_index for each in later.campaigns if each.first <= last and each.last >= month}
        assert running == set(range(6))


def test_areas_of_a_city_have_outlines_that_do_not_overlap(world: World) -> None:
    """Compare the area of the outlines with that of a circle of 12 km, in square degrees of the city."""
    for city in range(3):
        areas = [area for area in world.areas if area.city == city]
        assert len(areas) == 8
        sizes = [measure_size(area.outline) for area in areas]
        assert min(sizes) > 0  # counterclockwise
        circle = math.pi * (12_000 / 111_195) ** 2 / math.cos(math.radians(areas[0].lat))
        assert sum(sizes) == pytest.approx(circle, rel=0.03)
        for area in areas:
            assert area.outline[0] == area.outline[-1]
            assert [each.code for each in areas if contains(each.outline, (area.lng, area.lat))] == [area.code]


def measure_size(outline: Outline) -> float:
    return sum(x * next_y - next_x * y for (x, y), (next_x, next_y) in pairwise(outline)) / 2


def contains(outline: Outline, point: tuple[float, float]) -> bool:
    """Return whether a ray from the point to the east crosses the outline an odd number of times."""
    lng, lat = point
    return (
        sum(
            (y > lat) != (next_y > lat) and lng < x + (lat - y) * (next_x - x) / (next_y - y)
            for (x, y), (next_x, next_y) in pairwise(outline)
        )
        % 2
        == 1
    )
