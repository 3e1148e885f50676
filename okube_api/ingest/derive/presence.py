"""Derives the facts of presence from sessions: stays at sites, passages and steps at equipments, and exits.

A session of detections that lasts long enough is a stay.  Sessions that start or end on the derived days must be
complete; `refresh/sessions.py` ensures that.  `sessionize.find_affected_days` finds the days that a change of
detections can affect.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from okube_api.catalogue.bands import find_bands
from okube_api.catalogue.fact import ELAPSED, HOUR_OF_DAY
from okube_api.catalogue.facts import (
    PRESENCE_EXITS,
    PRESENCE_PASSAGE_EXITS,
    PRESENCE_PASSAGES,
    PRESENCE_STAYS,
    PRESENCE_STEPS,
)
from okube_api.ingest.columns.columns import (
    DayRange,
    build_fact_table,
    count_by_group,
    expand_ranges,
    mark_group_starts,
    sort_order,
    to_list_column,
    to_name_column,
)
from okube_api.ingest.columns.local_hours import compute_hours
from okube_api.ingest.derive.sessionize import Sessions
from okube_api.store.arrays import Codes, Flags, Ints


@dataclass(frozen=True, slots=True)
class PresenceRules:
    """When detections are a stay (the longest gap between two, the shortest stay), and how stays are classified.

    dropout_s: a shorter stay is a dropout.  dwell_edges: lower edges of the bands of dwell, in seconds.
    """

    gap_s: int
    minimum_s: int
    dropout_s: int
    dwell_edges: Sequence[int]


@dataclass(frozen=True, slots=True)
class PresenceTables:
    """Rows of the five facts of presence, sorted by day, site, user and start of the stay (exits: by its end).

    Within a stay, passages are sorted by rank, steps by their position in the path, passage exits by equipment.
    """

    stays: pa.Table
    passages: pa.Table
    steps: pa.Table
    exits: pa.Table
    passage_exits: pa.Table

    @property
    def all(self) -> tuple[pa.Table, ...]:
        """All five tables, in the order of the fields."""
        return self.stays, self.passages, self.steps, self.exits, self.passage_exits


def derive_presence(sessions: Sessions, rules: PresenceRules, span: DayRange) -> PresenceTables:
    """Return the stays that start on the local days of `span`, and the exits of the stays that end on them."""
    is_stay = (sessions.at_ms[sessions.ends] - sessions.at_ms[sessions.starts]) // 1000 >= rules.minimum_s
    stays = _select_stays(sessions, is_stay, sessions.start_days, span, sessions.starts)
    exits = _select_stays(sessions, is_stay, sessions.end_days, span, sessions.ends)
    steps, exit_steps = _split_into_steps(sessions, stays), _split_into_steps(sessions, exits)
    exit_hours = compute_hours(exits.end_ms, exits.day, exits.site, sessions.locations.timezones)
    return PresenceTables(
        _build_stays(sessions, rules, stays, steps),
        _build_passages(sessions, rules, stays, steps),
        _build_steps(sessions, stays, steps),
        _build_exits(sessions, exits, exit_steps, exit_hours),
        _build_passage_exits(sessions, exits, exit_steps, exit_hours),
    )


@dataclass(frozen=True, slots=True, eq=False)
class _SelectedStays:
    """Stays in the order of their rows, with the number of the session of each."""

    session: Ints
    day: Ints
    site: Codes
    user: Ints
    start_ms: Ints
    end_ms: Ints


def _select_stays(sessions: Sessions, is_stay: Flags, day: Ints, span: DayRange, detection: Ints) -> _SelectedStays:
    """Return the stays whose day lies in the span, in order of day, site, user and time of a detection.

    day, detection: one element per session.
    """
    numbers = np.flatnonzero(is_stay & (day >= span[0]) & (day <= span[1]))
    starts = sessions.starts[numbers]
    at_ms = sessions.at_ms[detection[numbers]]
    numbers = numbers[sort_order(day[numbers], sessions.site[starts], sessions.user[starts], at_ms)]
    starts, ends = sessions.starts[numbers], sessions.ends[numbers]
    return _SelectedStays(
        numbers,
        day[numbers],
        sessions.site[starts],
        sessions.user[starts],
        sessions.at_ms[starts],
        sessions.at_ms[ends],
    )


@dataclass(frozen=True, slots=True, eq=False)
class _PathSteps:
    """The steps of paths: the equipments of each stay in order of time, with the start and end at each.

    stay: an index into the selected stays.
    """

    stay: Ints
    equipment: Codes
    start_ms: Ints
    end_ms: Ints
    is_last: Flags


def _split_into_steps(sessions: Sessions, stays: _SelectedStays) -> _PathSteps:
    """Return the steps of stays.

    Consecutive detections at one equipment form one step; it ends when the next step starts, the last with the stay.
    """
    starts, ends = sessions.starts[stays.session], sessions.ends[stays.session]
    counts = ends - starts + 1
    detection, stay = expand_ranges(starts, counts), np.repeat(np.arange(len(starts)), counts)
    equipment = sessions.equipment[detection]
    is_start = mark_group_starts(stay, equipment)
    stay, equipment, start_ms = stay[is_start], equipment[is_start], sessions.at_ms[detection[is_start]]
    is_last = np.append(stay[1:] != stay[:-1], np.ones(min(len(stay), 1), np.bool_))
    end_ms = np.where(is_last, stays.end_ms[stay], np.append(start_ms[1:], start_ms[:1]))
    return _PathSteps(stay, equipment, start_ms, end_ms, is_last)


# -- rows --------------------------------------------------------------------------------------------------------


def _build_stays(sessions: Sessions, rules: PresenceRules, stays: _SelectedStays, steps: _PathSteps) -> pa.Table:
    locations, dwell_s = sessions.locations, (stays.end_ms - stays.start_ms) // 1000
    columns = {
        "site": to_name_column(locations.sites, stays.site),
        "user": stays.user,
        "start": stays.start_ms,
        "end": stays.end_ms,
        **compute_hours(stays.start_ms, stays.day, stays.site, locations.timezones),
        "dwell_s": dwell_s,
        "dwell_band": find_bands(dwell_s, rules.dwell_edges),
        "dropout": (dwell_s < rules.dropout_s).astype(np.int64),
        "path": to_list_column(count_by_group(steps.stay, len(stays.session)), locations.equipments, steps.equipment),
    }
    return build_fact_table(PRESENCE_STAYS, stays.day, columns)


def _build_passages(sessions: Sessions, rules: PresenceRules, stays: _SelectedStays, steps: _PathSteps) -> pa.Table:
    """Return one row per stay and distinct equipment: from the start of its first step to the end of its last."""
    path_starts = np.flatnonzero(mark_group_starts(steps.stay))
    rank = np.arange(len(steps.stay)) - np.repeat(path_starts, count_by_group(steps.stay, len(path_starts))) + 1
    # Sorted by stay and equipment, the steps of a passage are adjacent, so its dwell is a difference of running sums.
    by = sort_order(steps.stay, steps.equipment, rank)
    heads = np.flatnonzero(mark_group_starts(steps.stay[by], steps.equipment[by]))
    tails = np.append(heads[1:], len(by))[: len(heads)] - 1
    dwell_sums_s = np.concatenate((np.zeros(1, np.int64), np.cumsum((steps.end_ms - steps.start_ms)[by] // 1000)))
    dwell_s = dwell_sums_s[tails + 1] - dwell_sums_s[heads]
    # Passages in the order of their first steps.
    heads, tails = by[heads], by[tails]
    by_path = sort_order(heads)
    heads, tails, dwell_s = heads[by_path], tails[by_path], dwell_s[by_path]
    stay = steps.stay[heads]
    columns = {
        "site": to_name_column(sessions.locations.sites, stays.site[stay]),
        "equipment": to_name_column(sessions.locations.equipments, steps.equipment[heads]),
        "user": stays.user[stay],
        "start": steps.start_ms[heads],
        "end": steps.end_ms[tails],
        **compute_hours(steps.start_ms[heads], stays.day[stay], stays.site[stay], sessions.locations.timezones),
        "dwell_s": dwell_s,
        "dwell_band": find_bands(dwell_s, rules.dwell_edges),
        "dropout": ((stays.end_ms - stays.start_ms)[stay] // 1000 < rules.dropout_s).astype(np.int64),
        "rank": rank[heads],
    }
    return build_fact_table(PRESENCE_PASSAGES, stays.day[stay], columns)


def _build_steps(sessions: Sessions, stays: _SelectedStays, steps: _PathSteps) -> pa.Table:
    locations, next_equipment = sessions.locations, np.append(steps.equipment[1:], steps.equipment[:1])
    columns = {
        "site": to_name_column(locations.sites, stays.site[steps.stay]),
        "equipment": to_name_column(locations.equipments, steps.equipment),
        "next": to_name_column(locations.equipments, next_equipment, missing=steps.is_last),
    }
    return build_fact_table(PRESENCE_STEPS, stays.day[steps.stay], columns)


def _build_exits(sessions: Sessions, exits: _SelectedStays, steps: _PathSteps, hours: Mapping[str, Ints]) -> pa.Table:
    path_lengths = count_by_group(steps.stay, len(exits.session))
    columns = {
        "site": to_name_column(sessions.locations.sites, exits.site),
        "user": exits.user,
        "path": to_list_column(path_lengths, sessions.locations.equipments, steps.equipment),
        **hours,
    }
    return build_fact_table(PRESENCE_EXITS, exits.day, columns)


def _build_passage_exits(
    sessions: Sessions, exits: _SelectedStays, steps: _PathSteps, hours: Mapping[str, Ints]
) -> pa.Table:
    by = sort_order(steps.stay, steps.equipment)
    by = by[mark_group_starts(steps.stay[by], steps.equipment[by])]
    stay = steps.stay[by]
    columns = {
        "site": to_name_column(sessions.locations.sites, exits.site[stay]),
        "equipment": to_name_column(sessions.locations.equipments, steps.equipment[by]),
        **{name: hours[name][stay] for name in (ELAPSED, HOUR_OF_DAY)},
    }
    return build_fact_table(PRESENCE_PASSAGE_EXITS, exits.day[stay], columns)


# -- from stored rows --------------------------------------------------------------------------------------------


def build_steps_of_stays(stays: pa.Table) -> pa.Table:
    """Return the rows of `presence_steps` of stored stays (`day`, `site`, `path`)."""
    stay, equipment = _flatten_paths(stays)
    is_last = np.append(stay[1:] != stay[:-1], True)[: len(stay)]
    following = equipment.take(pa.array(np.minimum(np.arange(len(stay)) + 1, max(len(stay) - 1, 0))))
    return pa.table(
        {
            "day": stays["day"].take(pa.array(stay)),
            "site": stays["site"].take(pa.array(stay)),
            "equipment": equipment,
            "next": pc.if_else(pa.array(is_last), pa.scalar(None, pa.string()), following),
        }
    )


def build_passage_exits_of_exits(exits: pa.Table) -> pa.Table:
    """Return the rows of `presence_passage_exits` of stored exits (`day`, `site`, `path`, hours of their end)."""
    stay, equipment = _flatten_paths(exits)
    passages = pa.table({"stay": pa.array(stay), "equipment": equipment})
    passages = passages.group_by(["stay", "equipment"]).aggregate([])
    return pa.table(
        {
            **{name: exits[name].take(passages["stay"]) for name in ("day", "site", ELAPSED, HOUR_OF_DAY)},
            "equipment": passages["equipment"],
        }
    )


def _flatten_paths(rows: pa.Table) -> tuple[Ints, pa.Array]:
    """Return the equipments of all paths, and the number of the row of each."""
    paths = pa.concat_arrays([pa.array([], pa.list_(pa.string())), *rows["path"].chunks])
    row: Ints = pc.list_parent_indices(paths).to_numpy().astype(np.int64)
    return row, paths.flatten()
