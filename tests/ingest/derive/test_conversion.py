"""Outcomes, credits, cohorts, exposures and deliveries against their definitions in plain Python."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.catalogue.facts import COHORTS, CREDITS, DELIVERIES, EXPOSURES, OUTCOMES, Fact
from okube_api.ingest.columns import columns
from okube_api.ingest.columns.columns import Span
from okube_api.ingest.derive import touch_paths
from okube_api.ingest.derive.attribution import ConversionBlock, derive_cohorts, derive_conversion
from okube_api.ingest.derive.day_dependencies import (
    find_days_of_events,
    find_outcome_days_of_cohorts,
    find_outcome_days_of_touches,
    find_required_ranges,
)
from okube_api.ingest.derive.exposures import derive_deliveries, derive_exposures
from okube_api.store.column_types import ARROW_TYPES
from tests.by_hand.truth import Campaign, Panelist, Place, Purchase, Touch, Truth, Visit
from tests.ingest.derive import tables
from tests.truth.tenant import alpha, beta

EVER = (18_000, 21_000)
TENANTS = pytest.mark.parametrize("tenant", [alpha, beta])

# the web shop's clock is the application's; in New York clocks go forward three weeks earlier than in Paris
SITES = (
    Place("s-2", "paris", "Paris"),
    Place("s-1", "york", "York", timezone="America/New_York"),
    Place("s-3", "web", "Web", online=True),
)
CAMPAIGNS = (
    Campaign("c-2", "two", "l"),
    Campaign("c-1", "one", "l"),
    Campaign("c-3", "three", "l", windows={"click": 1}),
)
AROUND = datetime(2024, 3, 30, 22, 0, tzinfo=UTC)
DAY = timedelta(days=1)
KINDS = ("print", "opening", "click", "control")


def blocks(truth: Truth, span: Span = EVER) -> list[ConversionBlock]:
    return list(
        derive_conversion(
            tables.touches(truth), tables.visits(truth), tables.purchases(truth), tables.setting(truth), span
        )
    )


def outcomes(truth: Truth, span: Span = EVER) -> pa.Table:
    return pa.concat_tables(block.outcomes for block in blocks(truth, span))


def credits(truth: Truth) -> pa.Table:
    return pa.concat_tables(block.credits for block in blocks(truth))


def exposed(truth: Truth, span: Span = EVER) -> pa.Table:
    return pa.concat_tables(rows for _, rows in derive_exposures(tables.touches(truth), tables.setting(truth), span))


def truth_of(touches: Iterable[Touch] = (), visits: Iterable[Visit] = (), purchases: Iterable[Purchase] = ()) -> Truth:
    return Truth(
        sites=SITES,
        campaigns=CAMPAIGNS,
        panelists=(Panelist("u-1", Fraction(3, 2)),),
        touches=tuple(touches),
        visits=tuple(visits),
        purchases=tuple(purchases),
    )


@st.composite
def truths(draw: st.DrawFn) -> Truth:
    """Journeys of two users whose instants often meet, or lie just a window apart."""
    apart = st.sampled_from([timedelta(0), timedelta(milliseconds=1), DAY, 7 * DAY, 30 * DAY, timedelta(hours=3)])
    instants = [AROUND]
    for step in draw(st.lists(apart, max_size=5)):
        instants += [instants[-1] + step, instants[0] - step, instants[-1] - step + timedelta(milliseconds=1)]
    user, at = st.sampled_from(["u-1", "u-2"]), st.sampled_from(instants)
    campaign, site = st.sampled_from([one.id for one in CAMPAIGNS]), st.sampled_from([one.id for one in SITES])
    touches = draw(st.lists(st.builds(Touch, user, campaign, at, st.sampled_from(KINDS)), max_size=14))
    visits = draw(st.lists(st.builds(Visit, user, site, at), max_size=6))
    amount = st.builds(Fraction, st.integers(-500, 5000), st.just(100))
    purchases = draw(st.lists(st.builds(Purchase, user, site, at, amount), max_size=6))
    return truth_of(dict.fromkeys(touches), dict.fromkeys(visits), purchases)


# -- rows --------------------------------------------------------------------------------------------------------


@TENANTS
def test_outcomes_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    found = outcomes(truth).to_pylist()
    assert sum(row["attributed"] for row in found) > 20
    assert any(row["visit"] == 0 for row in found)
    assert found == tables.outcome_rows(truth)


@TENANTS
def test_credits_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    found = credits(truth).to_pylist()
    assert len(found) > 10
    assert found == tables.credit_rows(truth)


@TENANTS
def test_cohorts_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    assert derive_cohorts(tables.shuffled(outcomes(truth), 1), EVER).to_pylist() == tables.cohort_rows(truth)


@TENANTS
def test_exposures_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    found = exposed(truth).to_pylist()
    assert {row["control"] for row in found} == {0, 1}
    assert found == tables.exposure_rows(truth)


@TENANTS
def test_deliveries_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    events = [
        {
            "campaign": one.campaign,
            "day": tables.ordinal(one.day),
            "site": one.site,
            "prints": one.prints,
            "clicks": one.clicks,
            "openings": one.openings,
        }
        for one in truth.deliveries
    ]
    counts = dict.fromkeys(("day", "prints", "clicks", "openings"), pa.int64())
    table = tables.table(events, campaign=pa.string(), site=pa.string(), **counts)
    assert derive_deliveries(tables.shuffled(table, 3)).to_pylist() == tables.delivery_rows(truth)


@given(truths())
def test_rows_of_random_journeys(truth: Truth) -> None:
    assert outcomes(truth).to_pylist() == tables.outcome_rows(truth)
    assert credits(truth).to_pylist() == tables.credit_rows(truth)
    assert derive_cohorts(outcomes(truth), EVER).to_pylist() == tables.cohort_rows(truth)
    assert exposed(truth).to_pylist() == tables.exposure_rows(truth)


@pytest.mark.parametrize(
    ("fact", "made"),
    [
        (OUTCOMES, outcomes),
        (CREDITS, credits),
        (COHORTS, lambda truth: derive_cohorts(outcomes(truth), EVER)),
        (EXPOSURES, exposed),
        (DELIVERIES, None),
    ],
    ids=lambda value: value.name if isinstance(value, Fact) else "",
)
def test_columns_are_those_declared(fact: Fact, made: Any) -> None:
    declared = {"day": pa.int64()} | {column.name: ARROW_TYPES[column.type] for column in fact.columns}
    for truth in (alpha().truth, truth_of()):
        if made is None:
            kinds = {"campaign": pa.string(), "day": pa.int64(), "site": pa.string()}
            schema = derive_deliveries(
                tables.table([], **kinds, **dict.fromkeys(("prints", "clicks", "openings"), pa.int64()))
            ).schema
        else:
            schema = made(truth).schema
        assert {one.name: tables.plain(one.type) for one in schema} == declared


def test_nothing_happened() -> None:
    assert [block.span for block in blocks(truth_of())] == [EVER]
    assert outcomes(truth_of()).num_rows == credits(truth_of()).num_rows == exposed(truth_of()).num_rows == 0


def test_no_campaign_and_no_site_at_all() -> None:
    truth = Truth(touches=alpha().truth.touches, visits=())
    assert outcomes(truth).num_rows == 0
    visits = tables.visits(truth_of(visits=[Visit("u-1", "s-2", AROUND)]))
    found = list(derive_conversion(tables.touches(truth), visits, tables.purchases(truth), tables.setting(truth), EVER))
    assert [block.outcomes.num_rows for block in found] == [0]


# -- windows and ties --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "days"), [("print", 7), ("opening", 7), ("click", 30)])
@pytest.mark.parametrize(("late_ms", "led"), [(0, True), (1, False), (-1, True)])
def test_a_window_holds_its_first_instant(kind: str, days: int, late_ms: int, led: bool) -> None:
    at = AROUND + days * DAY + timedelta(milliseconds=late_ms)
    truth = truth_of([Touch("u-1", "c-1", AROUND, kind)], [Visit("u-1", "s-2", at)])
    assert outcomes(truth)["attributed"].to_pylist() == [int(led)]


def test_a_campaign_can_have_a_window_of_its_own() -> None:
    touches = [Touch("u-1", campaign, AROUND, "click") for campaign in ("c-3", "c-1")]
    truth = truth_of(touches, [Visit("u-1", "s-2", AROUND + DAY), Visit("u-1", "s-2", AROUND + 2 * DAY)])
    assert outcomes(truth)["path"].to_pylist() == [["c-1", "c-3"], ["c-1"]]


def test_a_touch_at_the_instant_of_a_visit_did_not_lead_to_it() -> None:
    truth = truth_of([Touch("u-1", "c-1", AROUND, "print")], [Visit("u-1", "s-2", AROUND)])
    assert outcomes(truth)["path"].to_pylist() == [[]]


def test_touches_of_one_instant_go_by_campaign_then_by_kind() -> None:
    touches = [
        Touch("u-1", *one) for one in (("c-2", AROUND, "print"), ("c-1", AROUND, "click"), ("c-1", AROUND, "print"))
    ]
    truth = truth_of(touches, [Visit("u-1", "s-2", AROUND + timedelta(hours=1))])
    assert outcomes(truth)["path"].to_pylist() == [["c-1", "c-2"]]
    alone = truth_of(touches[1:], truth.visits)
    assert outcomes(alone)["touch_kind"].to_pylist() == ["click"]


def test_a_run_of_one_campaign_is_its_last_touch() -> None:
    hours = [AROUND + timedelta(hours=n) for n in range(5)]
    touches = [
        Touch("u-1", campaign, at, kind)
        for campaign, at, kind in (
            ("c-1", hours[0], "print"),
            ("c-1", hours[1], "click"),
            ("c-2", hours[2], "print"),
            ("c-1", hours[3], "print"),
        )
    ]
    row = outcomes(truth_of(touches, [Visit("u-1", "s-2", hours[4])])).to_pylist()[0]
    assert row["path"] == ["c-1", "c-2", "c-1"]
    assert row["campaigns"] == ["c-1", "c-2"]
    assert (row["credited"], row["touch_kind"], row["delay_s"]) == ("c-1", "print", 3600)


def test_a_purchase_goes_to_the_latest_visit_of_its_local_day() -> None:
    midnight = datetime(2024, 3, 31, 4, 0, tzinfo=UTC)  # in New York
    visits = [Visit("u-1", "s-1", midnight + timedelta(hours=n)) for n in (-2, 1, 3)]
    times = {-2: 1, 0: 10, 1: 100, 2: 1000, 4: 10_000}
    purchases = [Purchase("u-1", "s-1", midnight + timedelta(hours=n), Fraction(one)) for n, one in times.items()]
    found = outcomes(truth_of(visits=visits, purchases=purchases))
    got = {(row["visit"], row["purchase_count"], row["revenue_micro"] // 1_000_000) for row in found.to_pylist()}
    assert got == {(1, 1, 1), (0, 1, 10), (1, 2, 1100), (1, 1, 10_000)}


def test_who_is_not_in_the_panel_weighs_one() -> None:
    truth = truth_of(visits=[Visit("u-1", "s-2", AROUND), Visit("u-2", "s-2", AROUND)])
    assert sorted(outcomes(truth)["weight"].to_pylist()) == [1000, 1500]
    assert sorted(outcomes(Truth(sites=SITES, visits=truth.visits))["weight"].to_pylist()) == [1000, 1000]


# -- order, pieces, margins --------------------------------------------------------------------------------------


def test_pieces_give_the_same_rows_as_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = alpha().truth
    whole = (outcomes(truth), credits(truth), exposed(truth))
    monkeypatch.setattr(columns, "_BLOCK_ROWS", 5)
    monkeypatch.setattr(touch_paths, "_MOST_PAIRS", 3)
    pieces = blocks(truth)
    assert len(pieces) > 20
    assert [piece.span[0] for piece in pieces[1:]] == [piece.span[1] + 1 for piece in pieces[:-1]]
    assert (pieces[0].span[0], pieces[-1].span[1]) == EVER
    for piece in pieces:
        days = piece.outcomes["day"].to_pylist()
        assert all(piece.span[0] <= day <= piece.span[1] for day in days)
        assert len(days) <= 5 or piece.span[0] == piece.span[1]
    again = (outcomes(truth), credits(truth), exposed(truth))
    assert [one.to_pylist() for one in again] == [one.to_pylist() for one in whole]


@pytest.mark.parametrize("encoded", [False, True])
def test_the_order_and_encoding_of_events_make_no_difference(encoded: bool) -> None:
    truth = alpha().truth
    events = [tables.touches(truth), tables.visits(truth), tables.purchases(truth)]
    again = [tables.shuffled(table, seed) for seed, table in enumerate(events)]
    if encoded:
        again = [table.set_column(1, table.column_names[1], table.column(1).dictionary_encode()) for table in again]
    told = tables.setting(truth)
    expected, found = (list(derive_conversion(one[0], one[1], one[2], told, EVER)) for one in (events, again))
    assert [block.outcomes for block in found] == [block.outcomes for block in expected]
    assert [block.credits for block in found] == [block.credits for block in expected]


def within(events: pa.Table, moments: tuple[int, int]) -> pa.Table:
    return events.filter(pc.and_(pc.greater_equal(events["at"], moments[0]), pc.less(events["at"], moments[1])))


@TENANTS
def test_margins_hold_all_that_counts(tenant: Any) -> None:
    truth = tenant().truth
    told, dice = tables.setting(truth), Random(5)
    whole = outcomes(truth)
    days = sorted(set(whole["day"].to_pylist()))
    for _ in range(40):
        first = dice.choice(days) - dice.randrange(2)
        span = (first, first + dice.choice((0, 0, 3, 20)))
        read = find_required_ranges(span, told.windows)
        cut = (
            within(tables.touches(truth), read.touches),
            within(tables.visits(truth), read.outcomes),
            within(tables.purchases(truth), read.outcomes),
        )
        found = [
            row for block in derive_conversion(cut[0], cut[1], cut[2], told, span) for row in block.outcomes.to_pylist()
        ]
        assert found == [row for row in whole.to_pylist() if span[0] <= row["day"] <= span[1]]
        low, high = find_outcome_days_of_cohorts(span, told.windows)
        near = whole.filter(pc.and_(pc.greater_equal(whole["day"], low), pc.less_equal(whole["day"], high)))
        assert derive_cohorts(near, span) == derive_cohorts(whole, span)


@given(truths(), st.data())
def test_days_that_a_change_of_touches_does_not_reach_stay_as_they_were(truth: Truth, data: st.DataObject) -> None:
    gone = data.draw(st.sets(st.sampled_from(truth.touches), max_size=3) if truth.touches else st.just(set()))
    left = truth_of([one for one in truth.touches if one not in gone], truth.visits, truth.purchases)
    told = tables.setting(truth)
    zones = told.sites["zone"].to_pylist()
    reached = find_outcome_days_of_touches(tables.touch_table(truth, gone), told.windows, zones).tolist()
    assert reached == sorted(set(reached))

    def rest(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**row, "user": None} for row in rows if row["day"] not in reached]

    assert rest(outcomes(left).to_pylist()) == rest(outcomes(truth).to_pylist())


def test_a_touch_reaches_the_days_of_its_window() -> None:
    touches = tables.touch_table(truth_of(), ())
    assert (
        find_outcome_days_of_touches(
            touches, {"c": dict.fromkeys(touch_paths.TOUCH_KINDS, 7)}, ["Europe/Paris"]
        ).tolist()
        == []
    )
    at = datetime(2024, 4, 10, 21, 59, 59, 999000, tzinfo=UTC)  # the last millisecond of a day in Paris
    truth = truth_of([Touch("u-1", "c-1", at, "print"), Touch("u-1", "c-1", at, "control")], ())
    events = tables.touches(truth)
    found = find_outcome_days_of_touches(events, tables.setting(truth).windows, ["Europe/Paris"]).tolist()
    tenth = tables.ordinal(at.date())
    assert found == list(range(tenth + 1, tenth + 8))
    both = find_outcome_days_of_touches(events, tables.setting(truth).windows, ["Europe/Paris", "America/New_York"])
    assert both.tolist() == list(range(tenth, tenth + 8))


@TENANTS
def test_events_touch_their_own_days(tenant: Any) -> None:
    truth = tenant().truth
    told = tables.setting(truth)
    found = [find_days_of_events(events, told.sites) for events in (tables.visits(truth), tables.purchases(truth))]
    everything = set(outcomes(truth)["day"].to_pylist())
    assert set(np.concatenate(found).tolist()) >= everything
    assert set(found[0].tolist()) <= everything
