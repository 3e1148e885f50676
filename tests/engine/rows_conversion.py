"""Builds the facts of conversion from a truth in plain Python."""

from datetime import date, datetime
from fractions import Fraction

from okube_api.catalogue.buckets import to_ordinal
from okube_api.catalogue.facts import COHORTS, CREDITS, DELIVERIES, EXPOSURES, OUTCOMES, PURCHASE_FACT

from tests.by_hand.paths import Outcome, list_outcomes
from tests.by_hand.performance import mark_new_visitors
from tests.by_hand.question import local_day
from tests.by_hand.truth import Truth
from tests.engine.memory import Row, find_band
from tests.engine.numbering import bucket_numbers, hour_columns, user_numbers

DAY_S = 86_400


def build_conversion_facts(truth: Truth) -> dict[str, list[Row]]:
    """Build the rows of the facts of conversion, by name."""
    numbers = user_numbers(truth)
    outcomes = list_outcomes(truth)
    return {
        OUTCOMES.name: [
            _day_columns(outcome.day)
            | _outcome_columns(outcome, numbers)
            | _touch_columns(outcome, truth)
            | {"new_place": int(mark.here), "new_application": int(mark.anywhere)}
            for outcome, mark in zip(outcomes, mark_new_visitors(truth), strict=True)
        ],
        PURCHASE_FACT.name: [row for outcome in outcomes for row in _build_purchases(outcome, truth, numbers)],
        COHORTS.name: [
            _day_columns(outcome.credited_day) | _outcome_columns(outcome, numbers)
            for outcome in outcomes
            if outcome.credited_day
        ],
        CREDITS.name: [row for outcome in outcomes if outcome.visit for row in _build_credits(outcome, truth, numbers)],
        EXPOSURES.name: _build_exposures(truth, numbers),
        DELIVERIES.name: [
            _day_columns(delivery.day)
            | {
                "campaign": delivery.campaign,
                "site": delivery.site,
                "print_count": delivery.prints,
                "click_count": delivery.clicks,
                "opening_count": delivery.openings,
            }
            for delivery in truth.deliveries
        ],
    }


def _to_ms(at: datetime) -> int:
    return round(at.timestamp() * 1000)


def _day_columns(day: date) -> Row:
    return bucket_numbers(to_ordinal(day))


def _user_columns(outcome: Outcome, numbers: dict[str, int]) -> Row:
    return {
        "site": outcome.site,
        "channel": "online" if outcome.online else "offline",
        "user": numbers[outcome.user],
        "weight": int(outcome.weight * 1000),
    }


def _outcome_columns(outcome: Outcome, numbers: dict[str, int]) -> Row:
    return _user_columns(outcome, numbers) | {
        "visit": int(outcome.visit),
        "conversion": int(outcome.visit and outcome.sales > 0),
        "purchase_count": outcome.sales,
        "revenue_micro": int(outcome.revenue * 1_000_000),
        "campaigns": sorted(set(outcome.campaigns)),
    }


def _touch_columns(outcome: Outcome, truth: Truth) -> Row:
    last = outcome.path[-1] if outcome.path else None
    delay_s = int((outcome.at - last.at).total_seconds()) if last and outcome.visit else None
    return {
        "start": _to_ms(outcome.at),
        **hour_columns(outcome.at, outcome.day, truth.zone_of(outcome.site)),
        "path": outcome.campaigns,
        "attributed": int(bool(outcome.path)),
        "credited": last.campaign if last else None,
        "touch_kind": last.kind if last else None,
        "touch_day": to_ordinal(outcome.credited_day) if outcome.credited_day else None,
        "delay_s": delay_s,
        "delay_band": find_band(delay_s, tuple(days * DAY_S for days in truth.bands["delay"])),
    }


def _build_purchases(outcome: Outcome, truth: Truth, numbers: dict[str, int]) -> list[Row]:
    edges = truth.bands["basket"]
    return [
        _day_columns(outcome.day)
        | _user_columns(outcome, numbers)
        | {
            "start": _to_ms(purchase.at),
            **hour_columns(purchase.at, outcome.day, truth.zone_of(outcome.site)),
            "purchase_count": int(purchase.amount >= 0),
            "amount_micro": int(max(purchase.amount, Fraction(0)) * 1_000_000),
            "refund_micro": int(max(-purchase.amount, Fraction(0)) * 1_000_000),
            "basket_band": -1 if purchase.amount < 0 else sum(edge <= purchase.amount for edge in edges) - 1,
            "attributed": int(bool(outcome.path)),
        }
        for purchase in outcome.purchases
    ]


def _build_credits(outcome: Outcome, truth: Truth, numbers: dict[str, int]) -> list[Row]:
    path = outcome.campaigns
    return [
        _day_columns(outcome.day)
        | _user_columns(outcome, numbers)
        | {
            "campaign": campaign,
            **hour_columns(outcome.at, outcome.day, truth.zone_of(outcome.site)),
            "touches": len(path),
            "distinct": len(set(path)),
            "occurrence_count": path.count(campaign),
            "is_first": int(path[0] == campaign),
            "is_last": int(path[-1] == campaign),
        }
        for campaign in sorted(set(path))
    ]


def _build_exposures(truth: Truth, numbers: dict[str, int]) -> list[Row]:
    weights = {panelist.user: panelist.weight for panelist in truth.panelists}
    reached: dict[tuple[date, str, str, bool], datetime] = {}
    for touch in truth.touches:
        key = (local_day(touch.at, truth.timezone), touch.campaign, touch.user, touch.kind == "control")
        reached[key] = min(touch.at, reached.get(key, touch.at))
    return [
        _day_columns(day)
        | {
            "campaign": campaign,
            "user": numbers[user],
            "start": _to_ms(at),
            "weight": int(weights.get(user, Fraction(1)) * 1000),
            "control": int(control),
        }
        for (day, campaign, user, control), at in sorted(reached.items())
    ]
