"""Events of a tenant as tables, and the rows of facts that they should give, computed in plain Python."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
from okube_api.ingest.columns.columns import to_codes, to_integers
from okube_api.ingest.derive.attribution import AttributionContext
from okube_api.ingest.derive.presence import PresenceRules
from okube_api.ingest.derive.sessionize import Detections, Sessions, index_equipments, sessionize
from okube_api.ingest.derive.touch_paths import TOUCH_KINDS
from tests.by_hand.conversion_cell import build_world
from tests.by_hand.paths import Outcome, list_outcomes
from tests.by_hand.performance import NewVisitor, mark_new_visitors
from tests.by_hand.presence import mark_rows, sessions
from tests.by_hand.question import local_day
from tests.by_hand.truth import Touch, Truth
from tests.engine.numbering import hour_columns

Row = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def get_value_type(kind: pa.DataType) -> pa.DataType:
    """Return the type of a column's values, which may be a dictionary's."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def to_ordinal(day: date) -> int:
    """Return the ordinal of a day: 1 is 1970-01-01."""
    return (day - EPOCH.date()).days + 1


def to_milliseconds(at: datetime) -> int:
    """Return the milliseconds since 1970, UTC."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def number_names(names: Iterable[str]) -> Mapping[str, int]:
    """Return a number for every name, not in the order of the names."""
    return {name: number for number, name in enumerate(sorted(set(names), key=lambda name: name[::-1]))}


def find_band(value: Fraction | int, edges: Iterable[int]) -> int:
    """Return the index of the last edge that is not above the value; 0 without one."""
    return max(sum(edge <= value for edge in edges) - 1, 0)


def build_table(rows: Iterable[Row], **kinds: pa.DataType) -> pa.Table:
    """Return rows, which may be none, as a table of these columns."""
    return pa.Table.from_pylist([{name: row[name] for name in kinds} for row in rows], schema=pa.schema(kinds))


def shuffle_rows(rows: pa.Table, seed: int) -> pa.Table:
    """Return the same rows in another order."""
    order = list(range(rows.num_rows))
    Random(seed).shuffle(order)
    return rows.take(pa.array(order, pa.int64()))


INTEGER, TEXT, FLAG = pa.int64(), pa.string(), pa.bool_()

# -- presence ----------------------------------------------------------------------------------------------------


def build_detections(truth: Truth) -> pa.Table:
    """Return detections as (user, equipment, at)."""
    numbers = number_names(detection.device for detection in truth.detections)
    rows = [
        {"user": numbers[detection.device], "equipment": detection.equipment, "at": to_milliseconds(detection.at)}
        for detection in truth.detections
    ]
    return build_table(rows, user=INTEGER, equipment=TEXT, at=INTEGER)


def build_equipments(truth: Truth) -> pa.Table:
    """Return equipments as (equipment, site, timezone)."""
    rows = [
        {"equipment": equipment.id, "site": equipment.site, "timezone": truth.zone_of(equipment.site)}
        for equipment in truth.equipments
    ]
    return build_table(rows, equipment=TEXT, site=TEXT, timezone=TEXT)


def sessionize_detections(rows: pa.Table, truth: Truth) -> Sessions:
    """Return detections (user, equipment, at; optionally change) cut into sessions."""
    locations = index_equipments(build_equipments(truth))
    equipment = to_codes(rows["equipment"], locations.equipments)
    numbers = np.flatnonzero(equipment >= 0)
    change = to_integers(rows["change"])[numbers] if "change" in rows.column_names else np.zeros(len(numbers), np.int64)
    detections = Detections(
        to_integers(rows["user"])[numbers],
        locations.site_of[equipment[numbers]],
        equipment[numbers],
        to_integers(rows["at"])[numbers],
        change.astype(np.int8),
    )
    return sessionize(locations, truth.presence_gap_s, detections)


def build_rules(truth: Truth) -> PresenceRules:
    """Return the rules of stays of the tenant."""
    return PresenceRules(truth.presence_gap_s, truth.minimum_s, truth.dropout_s, truth.bands["dwell"])


def expect_presence_rows(truth: Truth) -> dict[str, list[Row]]:
    """Return the rows of each fact, in order."""
    numbers = number_names(detection.device for detection in truth.detections)
    keyed_rows: dict[str, list[tuple[Any, Row]]] = {
        name: [] for name in ("stays", "passages", "steps", "exits", "passage_exits")
    }
    for session in sessions(truth):
        zone = truth.zone_of(session.site)
        user, day, end_day = (
            numbers[session.device],
            to_ordinal(local_day(session.start, zone)),
            to_ordinal(local_day(session.end, zone)),
        )
        key = (day, session.site, user, session.start)
        exit_key = (end_day, session.site, user, session.end)
        span: Row = {"dropout": int(session.dwell_s < truth.dropout_s)}

        stay_day, exit_day = local_day(session.start, zone), local_day(session.end, zone)
        end = hour_columns(session.end, exit_day, zone)
        hours_of_exit = {name: end[name] for name in ("elapsed_min", "hour_of_day")}

        def build_duration_columns(start: datetime, end: datetime, dwell_s: int) -> Row:
            return {
                "start": to_milliseconds(start),
                **hour_columns(start, stay_day, zone),  # noqa: B023 - called in this iteration only
                "end": to_milliseconds(end),
                "dwell_s": dwell_s,
                "dwell_band": find_band(dwell_s, truth.bands["dwell"]),
            }

        stay = {
            "day": day,
            "site": session.site,
            "user": user,
            **build_duration_columns(session.start, session.end, session.dwell_s),
            **span,
        }
        keyed_rows["stays"].append((key, {**stay, "path": list(session.path)}))
        for passage in session.passages().values():
            row = {"day": day, "site": session.site, "equipment": passage.equipment, "user": user, "rank": passage.rank}
            row |= build_duration_columns(passage.start, passage.end, passage.dwell_s) | span
            keyed_rows["passages"].append(((*key, passage.rank), row))
        following = [*session.path[1:], None]
        for place, (equipment, after) in enumerate(zip(session.path, following, strict=True)):
            step = {"day": day, "site": session.site, "equipment": equipment, "next": after}
            keyed_rows["steps"].append(((*key, place), step))
        keyed_rows["exits"].append(
            (exit_key, {"day": end_day, "site": session.site, "user": user, "path": list(session.path)} | end)
        )
        for equipment in set(session.path):
            left = {"day": end_day, "site": session.site, "equipment": equipment} | hours_of_exit
            keyed_rows["passage_exits"].append(((*exit_key, equipment), left))
    assert len(mark_rows(truth)) == len(keyed_rows["stays"]) + len(keyed_rows["passages"])
    return {name: [row for _, row in sorted(rows, key=lambda pair: pair[0])] for name, rows in keyed_rows.items()}


# -- conversion --------------------------------------------------------------------------------------------------


def number_users(truth: Truth) -> Mapping[str, int]:
    """Return a number for each user of the tenant."""
    everyone = [panelist.user for panelist in truth.panelists]
    everyone += [event.user for events in (truth.touches, truth.visits, truth.purchases) for event in events]
    return number_names(everyone)


def build_touch_table(truth: Truth, touches: Iterable[Touch]) -> pa.Table:
    """Return touches as (user, campaign, at, kind)."""
    numbers = number_users(truth)
    rows = [
        {"user": numbers[touch.user], "campaign": touch.campaign, "at": to_milliseconds(touch.at), "kind": touch.kind}
        for touch in touches
    ]
    return build_table(rows, user=INTEGER, campaign=TEXT, at=INTEGER, kind=TEXT)


def build_touches(truth: Truth) -> pa.Table:
    """Return all touches of the tenant."""
    return build_touch_table(truth, truth.touches)


def build_visits(truth: Truth) -> pa.Table:
    """Return visits as (user, site, at)."""
    numbers = number_users(truth)
    rows = [
        {"user": numbers[visit.user], "site": visit.site, "at": to_milliseconds(visit.at)} for visit in truth.visits
    ]
    return build_table(rows, user=INTEGER, site=TEXT, at=INTEGER)


def build_purchases(truth: Truth) -> pa.Table:
    """Return purchases as (user, site, at, amount_micro)."""
    numbers = number_users(truth)
    rows = [
        {
            "user": numbers[purchase.user],
            "site": purchase.site,
            "at": to_milliseconds(purchase.at),
            "amount_micro": int(purchase.amount * 1_000_000),
        }
        for purchase in truth.purchases
    ]
    return build_table(rows, user=INTEGER, site=TEXT, at=INTEGER, amount_micro=INTEGER)


def build_inputs(truth: Truth) -> AttributionContext:
    """Return the inputs of attribution other than events."""
    numbers = number_users(truth)
    sites = [{"site": site.id, "timezone": truth.zone_of(site.id), "online": site.online} for site in truth.sites]
    weights = [{"user": numbers[panelist.user], "weight": int(panelist.weight * 1000)} for panelist in truth.panelists]
    return AttributionContext(
        truth.timezone,
        build_table(sites, site=TEXT, timezone=TEXT, online=FLAG),
        {campaign.id: {**truth.windows, **(campaign.windows or {})} for campaign in truth.campaigns},
        build_table(weights, user=INTEGER, weight=INTEGER),
        truth.bands["delay"],
        truth.bands["basket"],
    )


def expect_outcome_row(truth: Truth, numbers: Mapping[str, int], outcome: Outcome) -> Row:
    """Return the columns that rows of COHORTS and OUTCOMES have in common."""
    return {
        "site": outcome.site,
        "channel": "online" if outcome.online else "offline",
        "user": numbers[outcome.user],
        "weight": int(outcome.weight * 1000),
        "visit": int(outcome.visit),
        "conversion": int(outcome.visit and outcome.sales > 0),
        "purchase_count": outcome.sales,
        "revenue_micro": int(outcome.revenue * 1_000_000),
        "campaigns": sorted(set(outcome.campaigns)),
    }


def _sort_outcomes(truth: Truth) -> list[tuple[Outcome, NewVisitor]]:
    """Return the outcomes in the order of rows, with the marks of new visitors; of equal ones, marked first."""
    numbers = number_users(truth)

    def sort_key(pair: tuple[Outcome, NewVisitor]) -> tuple[Any, ...]:
        outcome, mark = pair
        return (
            outcome.day,
            outcome.site,
            numbers[outcome.user],
            outcome.at,
            outcome.visit,
            outcome.sales,
            outcome.revenue,
            not mark.here,
            not mark.anywhere,
        )

    return sorted(zip(list_outcomes(truth), mark_new_visitors(truth), strict=True), key=sort_key)


def expect_purchase_rows(truth: Truth) -> list[Row]:
    """Return the rows of PURCHASE_FACT, in order."""
    numbers = number_users(truth)
    edges = truth.bands["basket"]
    return [
        {
            "day": to_ordinal(outcome.day),
            "site": outcome.site,
            "channel": "online" if outcome.online else "offline",
            "user": numbers[outcome.user],
            "weight": int(outcome.weight * 1000),
            "start": to_milliseconds(purchase.at),
            **hour_columns(purchase.at, outcome.day, truth.zone_of(outcome.site)),
            "purchase_count": int(purchase.amount >= 0),
            "amount_micro": int(max(purchase.amount, Fraction(0)) * 1_000_000),
            "refund_micro": int(max(-purchase.amount, Fraction(0)) * 1_000_000),
            "basket_band": find_band(purchase.amount, edges) if purchase.amount >= 0 else -1,
            "attributed": int(bool(outcome.path)),
        }
        for outcome, _ in _sort_outcomes(truth)
        for purchase in sorted(outcome.purchases, key=lambda purchase: (purchase.at, purchase.amount))
    ]


def expect_outcome_rows(truth: Truth) -> list[Row]:
    """Return the rows of OUTCOMES, in order."""
    numbers = number_users(truth)
    rows = []
    for outcome, mark in _sort_outcomes(truth):
        last = outcome.path[-1] if outcome.path else None
        delay_s = (outcome.at - last.at) // timedelta(seconds=1) if last and outcome.visit else None
        rows.append(
            {"day": to_ordinal(outcome.day), **expect_outcome_row(truth, numbers, outcome)}
            | {
                "start": to_milliseconds(outcome.at),
                "new_place": int(mark.here),
                "new_application": int(mark.anywhere),
                **hour_columns(outcome.at, outcome.day, truth.zone_of(outcome.site)),
                "path": outcome.campaigns,
                "attributed": int(bool(outcome.path)),
                "credited": last and last.campaign,
                "touch_kind": last and last.kind,
                "touch_day": to_ordinal(outcome.credited_day) if outcome.credited_day else None,
                "delay_s": delay_s,
                "delay_band": -1
                if delay_s is None
                else find_band(delay_s, [edge * 86_400 for edge in truth.bands["delay"]]),
            }
        )
    return rows


def expect_credit_rows(truth: Truth) -> list[Row]:
    """Return the rows of CREDITS, in order."""
    numbers = number_users(truth)
    return [
        {
            "day": to_ordinal(outcome.day),
            "site": outcome.site,
            "channel": "online" if outcome.online else "offline",
            "user": numbers[outcome.user],
            "weight": int(outcome.weight * 1000),
            "campaign": campaign,
            **hour_columns(outcome.at, outcome.day, truth.zone_of(outcome.site)),
            "touches": len(outcome.path),
            "distinct": len(set(outcome.campaigns)),
            "occurrence_count": outcome.campaigns.count(campaign),
            "is_first": int(outcome.campaigns[0] == campaign),
            "is_last": int(outcome.campaigns[-1] == campaign),
        }
        for outcome, _ in _sort_outcomes(truth)
        if outcome.visit
        for campaign in sorted(set(outcome.campaigns))
    ]


def expect_cohort_rows(truth: Truth) -> list[Row]:
    """Return the rows of COHORTS, in order."""
    numbers = number_users(truth)
    rows = [
        {"day": to_ordinal(day), **expect_outcome_row(truth, numbers, outcome)}
        for day, cohort in build_world(truth).cohorts.items()
        for outcome in cohort
    ]
    order = ("day", "site", "user", "visit", "purchase_count", "revenue_micro", "campaigns")
    return sorted(rows, key=lambda row: [row[name] for name in order])


def expect_exposure_rows(truth: Truth) -> list[Row]:
    """Return the rows of EXPOSURES, in order."""
    numbers, weights = number_users(truth), {touch.user: int(touch.weight * 1000) for touch in truth.panelists}
    first_touches: dict[tuple[int, str, int, int, int], int] = {}
    for day, touches in build_world(truth).touches.items():
        for touch in touches:
            user, control = numbers[touch.user], int(touch.kind not in TOUCH_KINDS)
            key = (to_ordinal(day), touch.campaign, control, user, weights.get(touch.user, 1000))
            at_ms = to_milliseconds(touch.at)
            first_touches[key] = min(at_ms, first_touches.get(key, at_ms))
    return [
        {"day": day, "campaign": campaign, "user": user, "start": at_ms, "weight": weight, "control": control}
        for (day, campaign, control, user, weight), at_ms in sorted(first_touches.items())
    ]


def expect_delivery_rows(truth: Truth) -> list[Row]:
    """Return the rows of DELIVERIES, in order."""
    rows = [
        {
            "day": to_ordinal(delivery.day),
            "campaign": delivery.campaign,
            "site": delivery.site,
            "print_count": delivery.prints,
            "click_count": delivery.clicks,
            "opening_count": delivery.openings,
        }
        for delivery in truth.deliveries
    ]
    return sorted(rows, key=lambda row: (row["day"], row["campaign"], row["site"] or ""))
