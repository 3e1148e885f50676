"""A truth as columns of events, and the rows that it should make, in plain Python."""

from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from random import Random
from typing import Any

import numpy as np
import pyarrow as pa
from okube_api.ingest.columns.columns import to_codes, to_integers
from okube_api.ingest.derive.attribution import AttributionContext
from okube_api.ingest.derive.presence import PresenceRules
from okube_api.ingest.derive.sessionize import Detections, Sessions, index_equipments, sessionize
from okube_api.ingest.derive.touch_paths import TOUCH_KINDS
from tests.by_hand.conversion_cell import world
from tests.by_hand.paths import Outcome, outcomes
from tests.by_hand.presence import kept, sessions
from tests.by_hand.question import local_day
from tests.by_hand.truth import Touch, Truth

Row = dict[str, Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def plain(kind: pa.DataType) -> pa.DataType:
    """The type of a column, whether or not its values are a dictionary's."""
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def ordinal(day: date) -> int:
    """1 is 1970-01-01."""
    return (day - EPOCH.date()).days + 1


def milliseconds(at: datetime) -> int:
    """Since 1970, UTC."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def numbered(names: Iterable[str]) -> Mapping[str, int]:
    """A number for every name, not in their order."""
    return {name: number for number, name in enumerate(sorted(set(names), key=lambda name: name[::-1]))}


def band(value: int, edges: Iterable[int]) -> int:
    """The index of the last edge that is not above the value; 0 without one."""
    return max(sum(edge <= value for edge in edges) - 1, 0)


def table(rows: Iterable[Row], **kinds: pa.DataType) -> pa.Table:
    """Rows as a table of these columns, also without any."""
    return pa.Table.from_pylist([{name: row[name] for name in kinds} for row in rows], schema=pa.schema(kinds))


def shuffled(found: pa.Table, seed: int) -> pa.Table:
    """The same rows in another order."""
    order = list(range(found.num_rows))
    Random(seed).shuffle(order)
    return found.take(pa.array(order, pa.int64()))


INTEGER, TEXT, FLAG = pa.int64(), pa.string(), pa.bool_()

# -- presence ----------------------------------------------------------------------------------------------------


def detections(truth: Truth) -> pa.Table:
    """(user, equipment, at)."""
    numbers = numbered(one.device for one in truth.detections)
    rows = [
        {"user": numbers[one.device], "equipment": one.equipment, "at": milliseconds(one.at)}
        for one in truth.detections
    ]
    return table(rows, user=INTEGER, equipment=TEXT, at=INTEGER)


def equipments(truth: Truth) -> pa.Table:
    """(equipment, site, zone)."""
    rows = [{"equipment": one.id, "site": one.site, "zone": truth.zone_of(one.site)} for one in truth.equipments]
    return table(rows, equipment=TEXT, site=TEXT, zone=TEXT)


def runs(found: pa.Table, truth: Truth) -> Sessions:
    """Detections (user, equipment, at; optionally change) cut into runs."""
    places = index_equipments(equipments(truth))
    equipment = to_codes(found["equipment"], places.equipments)
    known = np.flatnonzero(equipment >= 0)
    change = to_integers(found["change"])[known] if "change" in found.column_names else np.zeros(len(known), np.int64)
    detections = Detections(
        to_integers(found["user"])[known],
        places.site_of[equipment[known]],
        equipment[known],
        to_integers(found["at"])[known],
        change.astype(np.int8),
    )
    return sessionize(places, truth.presence_gap_s, detections)


def rules(truth: Truth) -> PresenceRules:
    """What makes a stay."""
    return PresenceRules(truth.presence_gap_s, truth.minimum_s, truth.dropout_s, truth.bands["dwell"])


def presence_rows(truth: Truth) -> dict[str, list[Row]]:
    """The rows of each fact, in order."""
    numbers = numbered(one.device for one in truth.detections)
    found: dict[str, list[tuple[Any, Row]]] = {
        name: [] for name in ("stays", "passages", "steps", "exits", "passage_exits")
    }
    for one in sessions(truth):
        zone = truth.zone_of(one.site)
        user, day, end_day = (
            numbers[one.device],
            ordinal(local_day(one.start, zone)),
            ordinal(local_day(one.end, zone)),
        )
        key = (day, one.site, user, one.start)
        gone = (end_day, one.site, user, one.end)
        span: Row = {"dropout": int(one.dwell_s < truth.dropout_s)}

        def lasting(start: datetime, end: datetime, dwell_s: int) -> Row:
            return {
                "start": milliseconds(start),
                "end": milliseconds(end),
                "dwell_s": dwell_s,
                "dwell_band": band(dwell_s, truth.bands["dwell"]),
            }

        stay = {"day": day, "site": one.site, "user": user, **lasting(one.start, one.end, one.dwell_s), **span}
        found["stays"].append((key, {**stay, "path": list(one.path)}))
        for passage in one.passages().values():
            row = {"day": day, "site": one.site, "equipment": passage.equipment, "user": user, "rank": passage.rank}
            row |= lasting(passage.start, passage.end, passage.dwell_s) | span
            found["passages"].append(((*key, passage.rank), row))
        following = [*one.path[1:], None]
        for place, (equipment, after) in enumerate(zip(one.path, following, strict=True)):
            step = {"day": day, "site": one.site, "equipment": equipment, "next": after}
            found["steps"].append(((*key, place), step))
        found["exits"].append((gone, {"day": end_day, "site": one.site, "user": user, "path": list(one.path)}))
        for equipment in set(one.path):
            left = {"day": end_day, "site": one.site, "equipment": equipment}
            found["passage_exits"].append(((*gone, equipment), left))
    assert len(kept(truth)) == len(found["stays"]) + len(found["passages"])
    return {name: [row for _, row in sorted(rows, key=lambda pair: pair[0])] for name, rows in found.items()}


# -- conversion --------------------------------------------------------------------------------------------------


def user_numbers(truth: Truth) -> Mapping[str, int]:
    """A number for everyone."""
    everyone = [one.user for one in truth.panelists]
    everyone += [one.user for events in (truth.touches, truth.visits, truth.purchases) for one in events]
    return numbered(everyone)


def touch_table(truth: Truth, found: Iterable[Touch]) -> pa.Table:
    """(user, campaign, at, kind)."""
    numbers = user_numbers(truth)
    rows = [
        {"user": numbers[one.user], "campaign": one.campaign, "at": milliseconds(one.at), "kind": one.kind}
        for one in found
    ]
    return table(rows, user=INTEGER, campaign=TEXT, at=INTEGER, kind=TEXT)


def touches(truth: Truth) -> pa.Table:
    """Every touch."""
    return touch_table(truth, truth.touches)


def visits(truth: Truth) -> pa.Table:
    """(user, site, at)."""
    numbers = user_numbers(truth)
    rows = [{"user": numbers[one.user], "site": one.site, "at": milliseconds(one.at)} for one in truth.visits]
    return table(rows, user=INTEGER, site=TEXT, at=INTEGER)


def purchases(truth: Truth) -> pa.Table:
    """(user, site, at, amount_micro)."""
    numbers = user_numbers(truth)
    rows = [
        {
            "user": numbers[one.user],
            "site": one.site,
            "at": milliseconds(one.at),
            "amount_micro": int(one.amount * 1_000_000),
        }
        for one in truth.purchases
    ]
    return table(rows, user=INTEGER, site=TEXT, at=INTEGER, amount_micro=INTEGER)


def setting(truth: Truth) -> AttributionContext:
    """What the application says."""
    numbers = user_numbers(truth)
    sites = [{"site": one.id, "zone": truth.zone_of(one.id), "online": one.online} for one in truth.sites]
    weights = [{"user": numbers[one.user], "weight": int(one.weight * 1000)} for one in truth.panelists]
    return AttributionContext(
        truth.timezone,
        table(sites, site=TEXT, zone=TEXT, online=FLAG),
        {one.id: {**truth.windows, **(one.windows or {})} for one in truth.campaigns},
        table(weights, user=INTEGER, weight=INTEGER),
        truth.bands["delay"],
    )


def outcome_row(truth: Truth, numbers: Mapping[str, int], one: Outcome) -> Row:
    """What COHORTS and OUTCOMES have in common."""
    return {
        "site": one.site,
        "channel": "online" if one.online else "offline",
        "user": numbers[one.user],
        "weight": int(one.weight * 1000),
        "visit": int(one.visit),
        "conversion": int(one.visit and bool(one.purchases)),
        "purchase_count": len(one.purchases),
        "revenue_micro": int(one.revenue * 1_000_000),
        "campaigns": sorted(set(one.campaigns)),
    }


def _in_order(truth: Truth) -> list[Outcome]:
    numbers = user_numbers(truth)
    return sorted(
        outcomes(truth),
        key=lambda one: (one.day, one.site, numbers[one.user], one.at, one.visit, len(one.purchases), one.revenue),
    )


def outcome_rows(truth: Truth) -> list[Row]:
    """The rows of OUTCOMES, in order."""
    numbers = user_numbers(truth)
    found = []
    for one in _in_order(truth):
        last = one.path[-1] if one.path else None
        delay_s = (one.at - last.at) // timedelta(seconds=1) if last and one.visit else None
        found.append(
            {"day": ordinal(one.day), **outcome_row(truth, numbers, one)}
            | {
                "path": one.campaigns,
                "attributed": int(bool(one.path)),
                "credited": last and last.campaign,
                "touch_kind": last and last.kind,
                "touch_day": ordinal(one.credited_day) if one.credited_day else None,
                "delay_s": delay_s,
                "delay_band": -1
                if delay_s is None
                else band(delay_s, [edge * 86_400 for edge in truth.bands["delay"]]),
            }
        )
    return found


def credit_rows(truth: Truth) -> list[Row]:
    """The rows of CREDITS, in order."""
    numbers = user_numbers(truth)
    return [
        {
            "day": ordinal(one.day),
            "site": one.site,
            "channel": "online" if one.online else "offline",
            "user": numbers[one.user],
            "weight": int(one.weight * 1000),
            "campaign": campaign,
            "touches": len(one.path),
            "distinct": len(set(one.campaigns)),
            "occurrence_count": one.campaigns.count(campaign),
            "is_first": int(one.campaigns[0] == campaign),
            "is_last": int(one.campaigns[-1] == campaign),
        }
        for one in _in_order(truth)
        if one.visit
        for campaign in sorted(set(one.campaigns))
    ]


def cohort_rows(truth: Truth) -> list[Row]:
    """The rows of COHORTS, in order."""
    numbers = user_numbers(truth)
    rows = [
        {"day": ordinal(day), **outcome_row(truth, numbers, one)}
        for day, found in world(truth).cohorts.items()
        for one in found
    ]
    order = ("day", "site", "user", "visit", "purchase_count", "revenue_micro", "campaigns")
    return sorted(rows, key=lambda row: [row[name] for name in order])


def exposure_rows(truth: Truth) -> list[Row]:
    """The rows of EXPOSURES, in order."""
    numbers, weights = user_numbers(truth), {one.user: int(one.weight * 1000) for one in truth.panelists}
    found = {
        (ordinal(day), one.campaign, int(one.kind not in TOUCH_KINDS), numbers[one.user], weights.get(one.user, 1000))
        for day, touched in world(truth).touches.items()
        for one in touched
    }
    return [
        {"day": day, "campaign": campaign, "user": user, "weight": weight, "control": control}
        for day, campaign, control, user, weight in sorted(found)
    ]


def delivery_rows(truth: Truth) -> list[Row]:
    """The rows of DELIVERIES, in order."""
    rows = [
        {
            "day": ordinal(one.day),
            "campaign": one.campaign,
            "site": one.site,
            "print_count": one.prints,
            "click_count": one.clicks,
            "opening_count": one.openings,
        }
        for one in truth.deliveries
    ]
    return sorted(rows, key=lambda row: (row["day"], row["campaign"], row["site"] or ""))
