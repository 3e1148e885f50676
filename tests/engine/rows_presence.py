"""Builds the facts of presence from a truth in plain Python."""

from datetime import UTC, datetime
from itertools import pairwise

from okube_api.catalogue.buckets import to_ordinal
from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
)

from tests.by_hand.presence import MarkedRow, mark_rows
from tests.by_hand.truth import Truth
from tests.engine.memory import Row, find_band
from tests.engine.numbering import bucket_numbers, hour_columns


def build_presence_facts(truth: Truth) -> dict[str, list[Row]]:
    """Build the rows of the facts of presence, by name."""
    facts = (PRESENCE_STAYS, PRESENCE_PASSAGES, PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS)
    rows: dict[str, list[Row]] = {fact.name: [] for fact in facts}
    devices = {detection.device for detection in truth.detections}
    numbers = {device: number for number, device in enumerate(sorted(devices, key=lambda device: device[::-1]))}
    days: set[tuple[str, str, object]] = set()
    for marked in mark_rows(truth):
        row = _build_row(marked, truth, numbers[marked.session.device], new_day=marked.visitor_day not in days)
        days.add(marked.visitor_day)
        day, end_day = bucket_numbers(to_ordinal(marked.day)), bucket_numbers(to_ordinal(marked.end_day))
        site, path = marked.session.site, list(marked.session.path)
        zone = truth.zone_of(site)
        end = hour_columns(marked.session.end, marked.end_day, zone)
        hours_of_exit = {name: end[name] for name in ("elapsed_min", "hour_of_day")}
        if marked.equipment is None:
            rows[PRESENCE_STAYS.name].append(day | row | {"path": path})
            rows[PRESENCE_EXITS.name].append(end_day | end | {"site": site, "user": row["user"], "path": path})
            rows[PRESENCE_STEPS.name] += [
                day | {"site": site, "equipment": left, "next": right} for left, right in pairwise((*path, None))
            ]
        else:
            at = {"equipment": marked.equipment}
            rank = marked.session.passages()[marked.equipment].rank
            rows[PRESENCE_PASSAGES.name].append(day | row | at | {"rank": rank})
            rows[PRESENCE_PASSAGE_EXITS.name].append(end_day | hours_of_exit | {"site": site} | at)
    return rows


def _build_row(marked: MarkedRow, truth: Truth, user: int, *, new_day: bool) -> Row:
    return {
        "site": marked.session.site,
        "user": user,
        "start": round(marked.start_s * 1000),
        "end": round(marked.end_s * 1000),
        **hour_columns(datetime.fromtimestamp(marked.start_s, UTC), marked.day, truth.zone_of(marked.session.site)),
        "dwell_s": marked.dwell_s,
        "dwell_band": find_band(marked.dwell_s, tuple(truth.bands["dwell"])),
        "dropout": int(marked.session.dwell_s < truth.dropout_s),
        "visitor_day": int(new_day),
        "new_place": int(marked.new_here),
        "new_application": int(marked.new_anywhere),
    }
