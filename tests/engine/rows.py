"""Facts and rollups made from a truth in plain Python, to be put into a store without the ingest."""

from collections import defaultdict
from typing import Any

import numpy as np
from okube_api.catalogue.facts import DAY_COLUMNS, FACTS, GEO_STAYS, MONTH_COLUMNS, PANELISTS, Fact, Grain, Span
from okube_api.engine.calendar import to_ordinal

from tests.by_hand.geomarketing import seen
from tests.by_hand.truth import Truth
from tests.engine.memory import Row, band, frozen, thawed
from tests.engine.numbering import bucket_numbers, user_numbers
from tests.engine.rows_conversion import conversion_facts
from tests.engine.rows_presence import presence_facts


def geo_stays(truth: Truth) -> list[Row]:
    """The rows of `geo_stays`."""
    numbers = user_numbers(truth)
    days: set[tuple[Any, ...]] = set()
    rows = []
    for one in seen(truth):
        spot = (one.stay.user, one.stay.place, one.stay.zone, one.day)
        rows.append(
            bucket_numbers(to_ordinal(one.day))
            | {
                "place": one.stay.place,
                "zone": one.stay.zone,
                "user": numbers[one.stay.user],
                "start": round(one.stay.start.timestamp() * 1000),
                "dwell_s": one.stay.dwell_s,
                "weight": int(one.who.weight * 1000),
                "home": one.who.home,
                "work": one.who.work,
                "home_m": one.home_m,
                "work_m": one.work_m,
                "os": one.who.os,
                "manufacturer": one.who.manufacturer,
                "model": one.who.model,
                "visitor_day": int(spot not in days),
                "gap_d": one.gap_d,
                "new_place": int(one.new_here),
                "new_application": int(one.new_anywhere),
                "dwell_band": band(one.stay.dwell_s, truth.bands["dwell"]),
                "gap_band": band(one.gap_d, truth.bands["gap"]),
                "home_band": band(one.home_m, truth.bands["distance"]),
                "work_band": band(one.work_m, truth.bands["distance"]),
            }
        )
        days.add(spot)
    return rows


def panelists(truth: Truth) -> list[Row]:
    """The rows of `panelists`."""
    numbers = user_numbers(truth)
    return [
        {
            "part": 0,
            "user": numbers[one.user],
            "weight": int(one.weight * 1000),
            "home": one.home,
            "work": one.work,
            "os": one.os,
            "manufacturer": one.manufacturer,
            "model": one.model,
        }
        for one in truth.panelists
    ]


def rollup(fact: Fact, grain: Grain, span: Span, rows: list[Row]) -> list[Row]:
    """One grain's rows by day or by month."""
    keys = DAY_COLUMNS if span is Span.DAY else MONTH_COLUMNS
    groups: defaultdict[tuple[Any, ...], list[Row]] = defaultdict(list)
    for row in rows:
        groups[tuple(frozen(row[name]) for name in (*keys, *grain.dimensions))].append(row)
    found = []
    for key, members in groups.items():
        made = dict(zip((*keys, *grain.dimensions), map(thawed, key), strict=True))
        made["part"] = made["day" if span is Span.DAY else "month"]
        for measure in grain.measures:
            amounts = [1 if measure.field is None else row[measure.field] or 0 for row in members]
            made[measure.name] = sum(amounts)
            if measure.weighted:
                weights = [row[fact.weight] if fact.weight else 0 for row in members]
                made[f"{measure.name}_w"] = sum(a * w for a, w in zip(amounts, weights, strict=True))
        for one in grain.sets(span):
            users = {row["user"] for row in members if one.flag is None or row[one.flag] == 1}
            made[one.name] = np.array(sorted(users), dtype="<u4").tobytes()
        found.append(made)
    return found


def tables(truth: Truth) -> dict[str, list[Row]]:
    """Every table that a truth fills, by name."""
    facts = {GEO_STAYS.name: geo_stays(truth)} | conversion_facts(truth) | presence_facts(truth)
    found = {PANELISTS.name: panelists(truth)}
    for fact in FACTS:
        rows = facts.get(fact.name, [])
        if fact.is_stored:
            found[fact.name] = rows
        for grain in fact.grains:
            for span in grain.spans:
                found[fact.rollup(grain, span).name] = rollup(fact, grain, span, rows)
    return found
