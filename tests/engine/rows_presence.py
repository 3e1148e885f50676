"""The facts of presence from a truth, in plain Python."""

from itertools import pairwise

from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
)
from okube_api.engine.calendar import to_ordinal

from tests.by_hand.presence import Kept, kept
from tests.by_hand.truth import Truth
from tests.engine.memory import Row, band
from tests.engine.numbering import bucket_numbers


def presence_facts(truth: Truth) -> dict[str, list[Row]]:
    """The rows of every fact of presence, by name."""
    facts = (PRESENCE_STAYS, PRESENCE_PASSAGES, PRESENCE_STEPS, PRESENCE_EXITS, PRESENCE_PASSAGE_EXITS)
    found: dict[str, list[Row]] = {fact.name: [] for fact in facts}
    devices = {one.device for one in truth.detections}
    numbers = {device: number for number, device in enumerate(sorted(devices, key=lambda device: device[::-1]))}
    days: set[tuple[str, str, object]] = set()
    for one in kept(truth):
        row = _row(one, truth, numbers[one.session.device], new_day=one.visitor_day not in days)
        days.add(one.visitor_day)
        day, end_day = bucket_numbers(to_ordinal(one.day)), bucket_numbers(to_ordinal(one.end_day))
        site, path = one.session.site, list(one.session.path)
        if one.equipment is None:
            found[PRESENCE_STAYS.name].append(day | row | {"path": path})
            found[PRESENCE_EXITS.name].append(end_day | {"site": site, "user": row["user"], "path": path})
            found[PRESENCE_STEPS.name] += [
                day | {"site": site, "equipment": left, "next": right} for left, right in pairwise((*path, None))
            ]
        else:
            at = {"equipment": one.equipment}
            rank = one.session.passages()[one.equipment].rank
            found[PRESENCE_PASSAGES.name].append(day | row | at | {"rank": rank})
            found[PRESENCE_PASSAGE_EXITS.name].append(end_day | {"site": site} | at)
    return found


def _row(one: Kept, truth: Truth, user: int, *, new_day: bool) -> Row:
    return {
        "site": one.session.site,
        "user": user,
        "start": round(one.start_s * 1000),
        "end": round(one.end_s * 1000),
        "dwell_s": one.dwell_s,
        "dwell_band": band(one.dwell_s, tuple(truth.bands["dwell"])),
        "dropout": int(one.session.dwell_s < truth.dropout_s),
        "visitor_day": int(new_day),
        "new_place": int(one.new_here),
        "new_application": int(one.new_anywhere),
    }
