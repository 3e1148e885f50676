"""Journeys, and the credits of their campaigns under each attribution model, computed from rows of CREDITS."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby
from typing import Any

from hypothesis import strategies as st
from okube_api.ingest.derive.attribution import derive_conversion
from tests.by_hand.truth import Campaign, Place, Touch, Truth, Visit
from tests.ingest.derive import tables

Journey = Sequence[str]

# What a row is worth to its campaign, from its columns alone.
CREDIT: Mapping[str, Callable[[Mapping[str, Any]], Fraction]] = {
    "linear": lambda row: Fraction(row["occurrence_count"], row["touches"]),
    "shapley": lambda row: Fraction(1, row["distinct"]),
    "fc": lambda row: Fraction(row["is_first"]),
    "lc": lambda row: Fraction(row["is_last"]),
}

journeys = st.lists(st.lists(st.sampled_from("abcde"), max_size=7), max_size=12)


def collapse_runs(journey: Journey) -> list[str]:
    """Return the journey with campaigns in a row collapsed into one."""
    return [campaign for campaign, _ in groupby(journey)]


def credit_campaigns(journeys: Sequence[Journey]) -> dict[str, dict[str, Fraction]]:
    """Return the credit of each campaign by model, when each journey ends with a visit of another user."""
    start = datetime(2024, 5, 1, tzinfo=UTC)
    truth = Truth(
        sites=(Place("s", "s", "S"),),
        campaigns=tuple(
            Campaign(name, name, "l") for name in sorted({name for journey in journeys for name in journey})
        ),
        touches=tuple(
            Touch(f"u{number}", campaign, start + timedelta(seconds=second), "print")
            for number, journey in enumerate(journeys)
            for second, campaign in enumerate(journey)
        ),
        visits=tuple(Visit(f"u{number}", "s", start + timedelta(days=1)) for number in range(len(journeys))),
    )
    events = tables.build_touches(truth), tables.build_visits(truth), tables.build_purchases(truth)
    blocks = derive_conversion(events[0], events[1], events[2], tables.build_inputs(truth), (19_000, 21_000))
    totals: dict[str, dict[str, Fraction]] = {model: defaultdict(Fraction) for model in CREDIT}
    for row in (row for block in blocks if block.credits is not None for row in block.credits.to_pylist()):
        for model, credit in CREDIT.items():
            totals[model][row["campaign"]] += credit(row)
    return {model: {name: credit for name, credit in total.items() if credit} for model, total in totals.items()}
