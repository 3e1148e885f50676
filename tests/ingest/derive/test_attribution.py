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
from okube_api.catalogue.fact import Fact
from okube_api.catalogue.facts import COHORTS, CREDITS, DELIVERIES, EXPOSURES, OUTCOMES, PURCHASE_FACT
from okube_api.ingest.columns import columns
from okube_api.ingest.columns.columns import DayRange
from okube_api.ingest.derive import touch_paths
from okube_api.ingest.derive.attribution import ConversionBlock, derive_cohorts, derive_conversion
from okube_api.ingest.derive.day_dependencies import (
    find_days_of_events,
    find_outcome_days_of_cohorts,
    find_outcome_days_of_touches,
    find_required_ranges,
)
from okube_api.ingest.derive.exposures import derive_deliveries, derive_exposures
from okube_api.ingest.derive.recency_flags import FLAGS
from okube_api.store.column_types import ARROW_TYPES
from tests.by_hand.truth import Campaign, Panelist, Place, Purchase, Touch, Truth, Visit
from tests.ingest.derive import tables
from tests.truth.tenant import alpha, beta

EVER = (18_000, 21_000)
TENANTS = pytest.mark.parametrize("tenant", [alpha, beta])

# The web shop is in the time zone of the application; in New York clocks go forward three weeks before Paris.
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


def derive_blocks(truth: Truth, span: DayRange = EVER) -> list[ConversionBlock]:
    return list(
        derive_conversion(
            tables.build_touches(truth),
            tables.build_visits(truth),
            tables.build_purchases(truth),
            tables.build_inputs(truth),
            span,
        )
    )


def derive_outcome_rows(truth: Truth, span: DayRange = EVER) -> pa.Table:
    return pa.concat_tables(block.outcomes for block in derive_blocks(truth, span))


def derive_purchase_rows(truth: Truth) -> pa.Table:
    return pa.concat_tables(block.purchases for block in derive_blocks(truth))


def derive_credit_rows(truth: Truth) -> pa.Table:
    return pa.concat_tables(block.credits for block in derive_blocks(truth))


def derive_exposed(truth: Truth, span: DayRange = EVER) -> pa.Table:
    return pa.concat_tables(
        rows for _, rows in derive_exposures(tables.build_touches(truth), tables.build_inputs(truth), span)
    )


def build_truth(
    touches: Iterable[Touch] = (), visits: Iterable[Visit] = (), purchases: Iterable[Purchase] = ()
) -> Truth:
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
    """Draw journeys of two users with instants that are often equal, or just a window apart."""
    apart = st.sampled_from([timedelta(0), timedelta(milliseconds=1), DAY, 7 * DAY, 30 * DAY, timedelta(hours=3)])
    instants = [AROUND]
    for step in draw(st.lists(apart, max_size=5)):
        instants += [instants[-1] + step, instants[0] - step, instants[-1] - step + timedelta(milliseconds=1)]
    user, at = st.sampled_from(["u-1", "u-2"]), st.sampled_from(instants)
    campaign, site = (
        st.sampled_from([campaign.id for campaign in CAMPAIGNS]),
        st.sampled_from([site.id for site in SITES]),
    )
    touches = draw(st.lists(st.builds(Touch, user, campaign, at, st.sampled_from(KINDS)), max_size=14))
    visits = draw(st.lists(st.builds(Visit, user, site, at), max_size=6))
    amount = st.builds(Fraction, st.integers(-500, 5000), st.just(100))
    purchases = draw(st.lists(st.builds(Purchase, user, site, at, amount), max_size=6))
    return build_truth(dict.fromkeys(touches), dict.fromkeys(visits), purchases)


def drop_flags(rows: list[tables.Row]) -> list[tables.Row]:
    """Return rows without the recency flags, which are computed when the rows are written."""
    return [{name: value for name, value in row.items() if name not in FLAGS} for row in rows]


# -- rows --------------------------------------------------------------------------------------------------------


@TENANTS
def test_outcomes_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    rows = derive_outcome_rows(truth).to_pylist()
    assert sum(row["attributed"] for row in rows) > 20
    assert any(row["visit"] == 0 for row in rows)
    assert rows == drop_flags(tables.expect_outcome_rows(truth))


@TENANTS
def test_purchases_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    rows = derive_purchase_rows(truth).to_pylist()
    assert {row["attributed"] for row in rows} == {0, 1}
    assert rows == tables.expect_purchase_rows(truth)


@TENANTS
def test_credits_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    rows = derive_credit_rows(truth).to_pylist()
    assert len(rows) > 10
    assert rows == tables.expect_credit_rows(truth)


@TENANTS
def test_cohorts_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    assert derive_cohorts(
        tables.shuffle_rows(derive_outcome_rows(truth), 1), EVER
    ).to_pylist() == tables.expect_cohort_rows(truth)


@TENANTS
def test_exposures_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    rows = derive_exposed(truth).to_pylist()
    assert {row["control"] for row in rows} == {0, 1}
    assert rows == tables.expect_exposure_rows(truth)


@TENANTS
def test_deliveries_of_a_tenant(tenant: Any) -> None:
    truth = tenant().truth
    events = [
        {
            "campaign": delivery.campaign,
            "day": tables.to_ordinal(delivery.day),
            "site": delivery.site,
            "prints": delivery.prints,
            "clicks": delivery.clicks,
            "openings": delivery.openings,
        }
        for delivery in truth.deliveries
    ]
    counts = dict.fromkeys(("day", "prints", "clicks", "openings"), pa.int64())
    table = tables.build_table(events, campaign=pa.string(), site=pa.string(), **counts)
    assert derive_deliveries(tables.shuffle_rows(table, 3)).to_pylist() == tables.expect_delivery_rows(truth)


@given(truths())
def test_rows_of_random_journeys(truth: Truth) -> None:
    assert derive_outcome_rows(truth).to_pylist() == drop_flags(tables.expect_outcome_rows(truth))
    assert derive_purchase_rows(truth).to_pylist() == tables.expect_purchase_rows(truth)
    assert derive_credit_rows(truth).to_pylist() == tables.expect_credit_rows(truth)
    assert derive_cohorts(derive_outcome_rows(truth), EVER).to_pylist() == tables.expect_cohort_rows(truth)
    assert derive_exposed(truth).to_pylist() == tables.expect_exposure_rows(truth)


@pytest.mark.parametrize(
    ("fact", "derive"),
    [
        (OUTCOMES, derive_outcome_rows),
        (PURCHASE_FACT, derive_purchase_rows),
        (CREDITS, derive_credit_rows),
        (COHORTS, lambda truth: derive_cohorts(derive_outcome_rows(truth), EVER)),
        (EXPOSURES, derive_exposed),
        (DELIVERIES, None),
    ],
    ids=lambda value: value.name if isinstance(value, Fact) else "",
)
def test_columns_are_those_declared(fact: Fact, derive: Any) -> None:
    declared = {"day": pa.int64()} | {
        column.name: ARROW_TYPES[column.type] for column in fact.columns if column.name not in FLAGS
    }
    for truth in (alpha().truth, build_truth()):
        if derive is None:
            kinds = {"campaign": pa.string(), "day": pa.int64(), "site": pa.string()}
            schema = derive_deliveries(
                tables.build_table([], **kinds, **dict.fromkeys(("prints", "clicks", "openings"), pa.int64()))
            ).schema
        else:
            schema = derive(truth).schema
        assert {field.name: tables.get_value_type(field.type) for field in schema} == declared


def test_no_event_makes_no_row() -> None:
    assert [block.span for block in derive_blocks(build_truth())] == [EVER]
    assert (
        derive_outcome_rows(build_truth()).num_rows
        == derive_credit_rows(build_truth()).num_rows
        == derive_exposed(build_truth()).num_rows
        == 0
    )


def test_without_campaigns_and_sites_there_are_no_rows() -> None:
    truth = Truth(touches=alpha().truth.touches, visits=())
    assert derive_outcome_rows(truth).num_rows == 0
    visits = tables.build_visits(build_truth(visits=[Visit("u-1", "s-2", AROUND)]))
    blocks = list(
        derive_conversion(
            tables.build_touches(truth), visits, tables.build_purchases(truth), tables.build_inputs(truth), EVER
        )
    )
    assert [block.outcomes.num_rows for block in blocks] == [0]


# -- windows and ties --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("kind", "days"), [("print", 7), ("opening", 7), ("click", 30)])
@pytest.mark.parametrize(("late_ms", "counts"), [(0, True), (1, False), (-1, True)])
def test_a_window_includes_its_first_instant(kind: str, days: int, late_ms: int, counts: bool) -> None:
    at = AROUND + days * DAY + timedelta(milliseconds=late_ms)
    truth = build_truth([Touch("u-1", "c-1", AROUND, kind)], [Visit("u-1", "s-2", at)])
    assert derive_outcome_rows(truth)["attributed"].to_pylist() == [int(counts)]


def test_a_campaign_can_have_a_window_of_its_own() -> None:
    touches = [Touch("u-1", campaign, AROUND, "click") for campaign in ("c-3", "c-1")]
    truth = build_truth(touches, [Visit("u-1", "s-2", AROUND + DAY), Visit("u-1", "s-2", AROUND + 2 * DAY)])
    assert derive_outcome_rows(truth)["path"].to_pylist() == [["c-1", "c-3"], ["c-1"]]


def test_a_touch_at_the_instant_of_a_visit_is_not_in_its_path() -> None:
    truth = build_truth([Touch("u-1", "c-1", AROUND, "print")], [Visit("u-1", "s-2", AROUND)])
    assert derive_outcome_rows(truth)["path"].to_pylist() == [[]]


def test_touches_of_one_instant_are_ordered_by_campaign_then_kind() -> None:
    touches = [
        Touch("u-1", *touch) for touch in (("c-2", AROUND, "print"), ("c-1", AROUND, "click"), ("c-1", AROUND, "print"))
    ]
    truth = build_truth(touches, [Visit("u-1", "s-2", AROUND + timedelta(hours=1))])
    assert derive_outcome_rows(truth)["path"].to_pylist() == [["c-1", "c-2"]]
    alone = build_truth(touches[1:], truth.visits)
    assert derive_outcome_rows(alone)["touch_kind"].to_pylist() == ["click"]


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
    row = derive_outcome_rows(build_truth(touches, [Visit("u-1", "s-2", hours[4])])).to_pylist()[0]
    assert row["path"] == ["c-1", "c-2", "c-1"]
    assert row["campaigns"] == ["c-1", "c-2"]
    assert (row["credited"], row["touch_kind"], row["delay_s"]) == ("c-1", "print", 3600)


def test_a_purchase_belongs_to_the_latest_visit_of_its_local_day() -> None:
    midnight = datetime(2024, 3, 31, 4, 0, tzinfo=UTC)  # in New York
    visits = [Visit("u-1", "s-1", midnight + timedelta(hours=n)) for n in (-2, 1, 3)]
    times = {-2: 1, 0: 10, 1: 100, 2: 1000, 4: 10_000}
    purchases = [Purchase("u-1", "s-1", midnight + timedelta(hours=n), Fraction(amount)) for n, amount in times.items()]
    rows = derive_outcome_rows(build_truth(visits=visits, purchases=purchases))
    summary = {(row["visit"], row["purchase_count"], row["revenue_micro"] // 1_000_000) for row in rows.to_pylist()}
    assert summary == {(1, 1, 1), (0, 1, 10), (1, 2, 1100), (1, 1, 10_000)}


def test_users_outside_the_panel_weigh_one() -> None:
    truth = build_truth(visits=[Visit("u-1", "s-2", AROUND), Visit("u-2", "s-2", AROUND)])
    assert sorted(derive_outcome_rows(truth)["weight"].to_pylist()) == [1000, 1500]
    assert sorted(derive_outcome_rows(Truth(sites=SITES, visits=truth.visits))["weight"].to_pylist()) == [1000, 1000]


# -- order, blocks, ranges --------------------------------------------------------------------------------------


def test_small_blocks_give_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    truth = alpha().truth
    expected = (
        derive_outcome_rows(truth),
        derive_purchase_rows(truth),
        derive_credit_rows(truth),
        derive_exposed(truth),
    )
    monkeypatch.setattr(columns, "_BLOCK_ROWS", 5)
    monkeypatch.setattr(touch_paths, "_MAX_PAIRS", 3)
    pieces = derive_blocks(truth)
    assert len(pieces) > 20
    assert [piece.span[0] for piece in pieces[1:]] == [piece.span[1] + 1 for piece in pieces[:-1]]
    assert (pieces[0].span[0], pieces[-1].span[1]) == EVER
    for piece in pieces:
        days = piece.outcomes["day"].to_pylist()
        assert all(piece.span[0] <= day <= piece.span[1] for day in days)
        assert len(days) <= 5 or piece.span[0] == piece.span[1]
    again = (
        derive_outcome_rows(truth),
        derive_purchase_rows(truth),
        derive_credit_rows(truth),
        derive_exposed(truth),
    )
    assert [rows.to_pylist() for rows in again] == [rows.to_pylist() for rows in expected]


@pytest.mark.parametrize("encoded", [False, True])
def test_the_order_and_encoding_of_events_make_no_difference(encoded: bool) -> None:
    truth = alpha().truth
    events = [tables.build_touches(truth), tables.build_visits(truth), tables.build_purchases(truth)]
    again = [tables.shuffle_rows(table, seed) for seed, table in enumerate(events)]
    if encoded:
        again = [table.set_column(1, table.column_names[1], table.column(1).dictionary_encode()) for table in again]
    inputs = tables.build_inputs(truth)
    expected, blocks = (
        list(derive_conversion(tables_of_run[0], tables_of_run[1], tables_of_run[2], inputs, EVER))
        for tables_of_run in (events, again)
    )
    assert [block.outcomes for block in blocks] == [block.outcomes for block in expected]
    assert [block.purchases for block in blocks] == [block.purchases for block in expected]
    assert [block.credits for block in blocks] == [block.credits for block in expected]


def select_range(events: pa.Table, range_ms: tuple[int, int]) -> pa.Table:
    return events.filter(pc.and_(pc.greater_equal(events["at"], range_ms[0]), pc.less(events["at"], range_ms[1])))


@TENANTS
def test_required_ranges_hold_all_events_that_count(tenant: Any) -> None:
    truth = tenant().truth
    inputs, dice = tables.build_inputs(truth), Random(5)
    all_rows = derive_outcome_rows(truth)
    days = sorted(set(all_rows["day"].to_pylist()))
    for _ in range(40):
        first = dice.choice(days) - dice.randrange(2)
        span = (first, first + dice.choice((0, 0, 3, 20)))
        read = find_required_ranges(span, inputs.windows)
        cut = (
            select_range(tables.build_touches(truth), read.touches),
            select_range(tables.build_visits(truth), read.outcomes),
            select_range(tables.build_purchases(truth), read.outcomes),
        )
        rows = [
            row
            for block in derive_conversion(cut[0], cut[1], cut[2], inputs, span)
            for row in block.outcomes.to_pylist()
        ]
        assert rows == [row for row in all_rows.to_pylist() if span[0] <= row["day"] <= span[1]]
        low, high = find_outcome_days_of_cohorts(span, inputs.windows)
        near_rows = all_rows.filter(
            pc.and_(pc.greater_equal(all_rows["day"], low), pc.less_equal(all_rows["day"], high))
        )
        assert derive_cohorts(near_rows, span) == derive_cohorts(all_rows, span)


@given(truths(), st.data())
def test_days_that_a_change_of_touches_does_not_affect_are_the_same(truth: Truth, data: st.DataObject) -> None:
    removed = data.draw(st.sets(st.sampled_from(truth.touches), max_size=3) if truth.touches else st.just(set()))
    remaining = build_truth([touch for touch in truth.touches if touch not in removed], truth.visits, truth.purchases)
    inputs = tables.build_inputs(truth)
    timezones = inputs.sites["timezone"].to_pylist()
    affected_days = find_outcome_days_of_touches(
        tables.build_touch_table(truth, removed), inputs.windows, timezones
    ).tolist()
    assert affected_days == sorted(set(affected_days))

    def select_unaffected(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**row, "user": None} for row in rows if row["day"] not in affected_days]

    assert select_unaffected(derive_outcome_rows(remaining).to_pylist()) == select_unaffected(
        derive_outcome_rows(truth).to_pylist()
    )


def test_a_touch_affects_the_days_of_its_window() -> None:
    touches = tables.build_touch_table(build_truth(), ())
    assert (
        find_outcome_days_of_touches(
            touches, {"c": dict.fromkeys(touch_paths.TOUCH_KINDS, 7)}, ["Europe/Paris"]
        ).tolist()
        == []
    )
    at = datetime(2024, 4, 10, 21, 59, 59, 999000, tzinfo=UTC)  # the last millisecond of a day in Paris
    truth = build_truth([Touch("u-1", "c-1", at, "print"), Touch("u-1", "c-1", at, "control")], ())
    events = tables.build_touches(truth)
    days = find_outcome_days_of_touches(events, tables.build_inputs(truth).windows, ["Europe/Paris"]).tolist()
    tenth = tables.to_ordinal(at.date())
    assert days == list(range(tenth + 1, tenth + 8))
    both = find_outcome_days_of_touches(
        events, tables.build_inputs(truth).windows, ["Europe/Paris", "America/New_York"]
    )
    assert both.tolist() == list(range(tenth, tenth + 8))


@TENANTS
def test_events_affect_their_own_days(tenant: Any) -> None:
    truth = tenant().truth
    inputs = tables.build_inputs(truth)
    days = [
        find_days_of_events(events, inputs.sites)
        for events in (tables.build_visits(truth), tables.build_purchases(truth))
    ]
    outcome_days = set(derive_outcome_rows(truth)["day"].to_pylist())
    assert set(np.concatenate(days).tolist()) >= outcome_days
    assert set(days[0].tolist()) <= outcome_days
