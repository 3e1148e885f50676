"""The facts of conversion, made from a truth in plain Python."""

from datetime import date
from fractions import Fraction

from okube_api.catalogue.facts import COHORTS, CREDITS, DELIVERIES, EXPOSURES, OUTCOMES
from okube_api.engine.calendar import to_ordinal

from tests.by_hand.paths import Outcome, outcomes
from tests.by_hand.question import local_day
from tests.by_hand.truth import Truth
from tests.engine.memory import Row, band
from tests.engine.numbering import bucket_numbers, user_numbers

DAY_S = 86_400


def conversion_facts(truth: Truth) -> dict[str, list[Row]]:
    """The rows of every fact of conversion, by its name."""
    numbers = user_numbers(truth)
    found = outcomes(truth)
    return {
        OUTCOMES.name: [_on(one.day) | _outcome(one, numbers) | _touched(one, truth) for one in found],
        COHORTS.name: [_on(one.credited_day) | _outcome(one, numbers) for one in found if one.credited_day],
        CREDITS.name: [row for one in found if one.visit for row in _credits(one, numbers)],
        EXPOSURES.name: _exposures(truth, numbers),
        DELIVERIES.name: [
            _on(one.day)
            | {
                "campaign": one.campaign,
                "site": one.site,
                "print_count": one.prints,
                "click_count": one.clicks,
                "opening_count": one.openings,
            }
            for one in truth.deliveries
        ],
    }


def _on(day: date) -> Row:
    return bucket_numbers(to_ordinal(day))


def _who(one: Outcome, numbers: dict[str, int]) -> Row:
    return {
        "site": one.site,
        "channel": "online" if one.online else "offline",
        "user": numbers[one.user],
        "weight": int(one.weight * 1000),
    }


def _outcome(one: Outcome, numbers: dict[str, int]) -> Row:
    return _who(one, numbers) | {
        "visit": int(one.visit),
        "conversion": int(one.visit and bool(one.purchases)),
        "purchase_count": len(one.purchases),
        "revenue_micro": int(one.revenue * 1_000_000),
        "campaigns": sorted(set(one.campaigns)),
    }


def _touched(one: Outcome, truth: Truth) -> Row:
    last = one.path[-1] if one.path else None
    delay_s = int((one.at - last.at).total_seconds()) if last and one.visit else None
    return {
        "path": one.campaigns,
        "attributed": int(bool(one.path)),
        "credited": last.campaign if last else None,
        "touch_kind": last.kind if last else None,
        "touch_day": to_ordinal(one.credited_day) if one.credited_day else None,
        "delay_s": delay_s,
        "delay_band": band(delay_s, tuple(days * DAY_S for days in truth.bands["delay"])),
    }


def _credits(one: Outcome, numbers: dict[str, int]) -> list[Row]:
    path = one.campaigns
    return [
        _on(one.day)
        | _who(one, numbers)
        | {
            "campaign": campaign,
            "touches": len(path),
            "distinct": len(set(path)),
            "occurrence_count": path.count(campaign),
            "is_first": int(path[0] == campaign),
            "is_last": int(path[-1] == campaign),
        }
        for campaign in sorted(set(path))
    ]


def _exposures(truth: Truth, numbers: dict[str, int]) -> list[Row]:
    weights = {one.user: one.weight for one in truth.panelists}
    reached = {
        (local_day(touch.at, truth.timezone), touch.campaign, touch.user, touch.kind == "control")
        for touch in truth.touches
    }
    return [
        _on(day)
        | {
            "campaign": campaign,
            "user": numbers[user],
            "weight": int(weights.get(user, Fraction(1)) * 1000),
            "control": int(control),
        }
        for day, campaign, user, control in sorted(reached)
    ]
