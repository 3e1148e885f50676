"""From detections to the stays of devices at sites, their passages and steps at equipments, and their exits.

The runs given must be whole as far as they start or end on the days asked for; `ingest.sessions` sees to that, and
`runs.touched_days` tells which days a change of detections can have changed.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
)
from okube_api.ingest.columns.columns import (
    Span,
    build_fact_table,
    count_by_group,
    expand_ranges,
    mark_group_starts,
    sort_order,
    to_list_column,
    to_name_column,
)
from okube_api.ingest.derive.sessionize import Sessions
from okube_api.store.arrays import Codes, Flags, Ints


@dataclass(frozen=True, slots=True)
class PresenceRules:
    """What makes a stay: the longest silence within it, the least it lasts; and how stays are told apart.

    dropout_s: a shorter stay is a dropout.  dwell_edges: lower edges of the bands of dwell, in seconds.
    """

    gap_s: int
    minimum_s: int
    dropout_s: int
    dwell_edges: Sequence[int]


@dataclass(frozen=True, slots=True)
class PresenceTables:
    """Rows of the five facts, in order of day, site, user and start of the stay (exits: its end).

    Those of one stay: passages by rank, steps by their place in the path, passage exits by equipment.
    """

    stays: pa.Table
    passages: pa.Table
    steps: pa.Table
    exits: pa.Table
    passage_exits: pa.Table

    @property
    def tables(self) -> tuple[pa.Table, ...]:
        """All five, in that order."""
        return self.stays, self.passages, self.steps, self.exits, self.passage_exits


def derive_presence(found: Sessions, rules: PresenceRules, span: Span) -> PresenceTables:
    """The stays that start on the local days of `span`, and the exits of those that end on them."""
    kept = (found.at_ms[found.ends] - found.at_ms[found.starts]) // 1000 >= rules.minimum_s
    stays = _chosen(found, kept, found.start_days, span, found.starts)
    gone = _chosen(found, kept, found.end_days, span, found.ends)
    steps, last_steps = _steps(found, stays), _steps(found, gone)
    return PresenceTables(
        _stay_rows(found, rules, stays, steps),
        _passage_rows(found, rules, stays, steps),
        _step_rows(found, stays, steps),
        _exit_rows(found, gone, last_steps),
        _passage_exit_rows(found, gone, last_steps),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _Chosen:
    """Some runs, in the order of their rows: their numbers, and the day, site, user, start and end of each."""

    run: Ints
    day: Ints
    site: Codes
    user: Ints
    start: Ints
    end: Ints


def _chosen(found: Sessions, kept: Flags, day: Ints, span: Span, instant: Ints) -> _Chosen:
    """The kept runs whose day lies in the span; instant: the detection that each is ordered by."""
    run = np.flatnonzero(kept & (day >= span[0]) & (day <= span[1]))
    starts = found.starts[run]
    run = run[sort_order(day[run], found.site[starts], found.user[starts], found.at_ms[instant[run]])]
    starts, ends = found.starts[run], found.ends[run]
    return _Chosen(run, day[run], found.site[starts], found.user[starts], found.at_ms[starts], found.at_ms[ends])


@dataclass(frozen=True, slots=True, eq=False)
class _Steps:
    """The paths of stays (by their place among the chosen): each equipment, and when it was reached and left."""

    stay: Ints
    equipment: Codes
    start: Ints
    end: Ints
    last: Flags  # of its stay


def _steps(found: Sessions, stays: _Chosen) -> _Steps:
    starts, ends = found.starts[stays.run], found.ends[stays.run]
    counts = ends - starts + 1
    detection, stay = expand_ranges(starts, counts), np.repeat(np.arange(len(starts)), counts)
    equipment = found.equipment[detection]
    new = mark_group_starts(stay, equipment)
    stay, equipment, start = stay[new], equipment[new], found.at_ms[detection[new]]
    last = np.append(stay[1:] != stay[:-1], np.ones(min(len(stay), 1), np.bool_))
    end = np.where(last, stays.end[stay], np.append(start[1:], start[:1]))
    return _Steps(stay, equipment, start, end, last)


# -- rows --------------------------------------------------------------------------------------------------------


def _stay_rows(found: Sessions, rules: PresenceRules, stays: _Chosen, steps: _Steps) -> pa.Table:
    dwell_s = (stays.end - stays.start) // 1000
    columns = {
        "site": to_name_column(found.locations.sites, stays.site),
        "user": stays.user,
        "start": stays.start,
        "end": stays.end,
        "dwell_s": dwell_s,
        "dwell_band": find_bands(dwell_s, rules.dwell_edges),
        "dropout": (dwell_s < rules.dropout_s).astype(np.int64),
        "path": to_list_column(count_by_group(steps.stay, len(stays.run)), found.locations.equipments, steps.equipment),
    }
    return build_fact_table(PRESENCE_STAYS, stays.day, columns)


def _passage_rows(found: Sessions, rules: PresenceRules, stays: _Chosen, steps: _Steps) -> pa.Table:
    """One row per stay and distinct equipment: from the first time there to the end of the last."""
    begins = np.flatnonzero(mark_group_starts(steps.stay))
    rank = np.arange(len(steps.stay)) - np.repeat(begins, count_by_group(steps.stay, len(begins))) + 1
    by = sort_order(steps.stay, steps.equipment, rank)
    heads = np.flatnonzero(mark_group_starts(steps.stay[by], steps.equipment[by]))
    tails = np.append(heads[1:], len(by))[: len(heads)] - 1
    until = np.concatenate((np.zeros(1, np.int64), np.cumsum((steps.end - steps.start)[by] // 1000)))
    dwell_s = until[tails + 1] - until[heads]
    heads, tails = by[heads], by[tails]
    in_path = sort_order(heads)
    heads, tails, dwell_s = heads[in_path], tails[in_path], dwell_s[in_path]
    stay = steps.stay[heads]
    columns = {
        "site": to_name_column(found.locations.sites, stays.site[stay]),
        "equipment": to_name_column(found.locations.equipments, steps.equipment[heads]),
        "user": stays.user[stay],
        "start": steps.start[heads],
        "end": steps.end[tails],
        "dwell_s": dwell_s,
        "dwell_band": find_bands(dwell_s, rules.dwell_edges),
        "dropout": ((stays.end - stays.start)[stay] // 1000 < rules.dropout_s).astype(np.int64),
        "rank": rank[heads],
    }
    return build_fact_table(PRESENCE_PASSAGES, stays.day[stay], columns)


def _step_rows(found: Sessions, stays: _Chosen, steps: _Steps) -> pa.Table:
    following = np.append(steps.equipment[1:], steps.equipment[:1])
    columns = {
        "site": to_name_column(found.locations.sites, stays.site[steps.stay]),
        "equipment": to_name_column(found.locations.equipments, steps.equipment),
        "next": to_name_column(found.locations.equipments, following, missing=steps.last),
    }
    return build_fact_table(PRESENCE_STEPS, stays.day[steps.stay], columns)


def _exit_rows(found: Sessions, gone: _Chosen, steps: _Steps) -> pa.Table:
    columns = {
        "site": to_name_column(found.locations.sites, gone.site),
        "user": gone.user,
        "path": to_list_column(count_by_group(steps.stay, len(gone.run)), found.locations.equipments, steps.equipment),
    }
    return build_fact_table(PRESENCE_EXITS, gone.day, columns)


def _passage_exit_rows(found: Sessions, gone: _Chosen, steps: _Steps) -> pa.Table:
    by = sort_order(steps.stay, steps.equipment)
    by = by[mark_group_starts(steps.stay[by], steps.equipment[by])]
    stay = steps.stay[by]
    columns = {
        "site": to_name_column(found.locations.sites, gone.site[stay]),
        "equipment": to_name_column(found.locations.equipments, steps.equipment[by]),
    }
    return build_fact_table(PRESENCE_PASSAGE_EXITS, gone.day[stay], columns)
