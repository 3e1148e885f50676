"""Tests the stays of pings against a walk along the pings of each user in plain Python."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from random import Random
from statistics import median_low

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.clock import DAY_MS
from okube_api.ingest.derive.ping_stays import (
    MatchedPings,
    PingRules,
    ZoneRules,
    derive_ping_stays,
    find_position_errors,
)

MINUTE_MS = 60_000


@dataclass(frozen=True)
class ZonedPing:
    """A ping of a user, in minutes since the start, and the zones it is in."""

    user: int
    minute: int
    zones: frozenset[int]


@dataclass(frozen=True)
class Zone:
    """The exclusive group of a zone, and the least minutes of a stay there."""

    group: int
    minimum: int


Walked = tuple[int, int, int, int]  # user, zone, first minute, dwell in seconds


def walk(pings: Sequence[ZonedPing], zones: Sequence[Zone], rules: PingRules) -> list[Walked]:
    """Return the stays that a walk along the pings of each user finds in each group of zones."""
    zones_at: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    for ping in pings:
        zones_at[ping.user][ping.minute] |= ping.zones
    return sorted(
        stay
        for user, minutes in zones_at.items()
        for group in {zone.group for zone in zones}
        for stay in _walk_group(
            user,
            {
                minute: min((zone for zone in inside if zones[zone].group == group), default=None)
                for minute, inside in minutes.items()
            },
            zones,
            rules,
        )
    )


def _walk_group(
    user: int, zone_of_minute: dict[int, int | None], zones: Sequence[Zone], rules: PingRules
) -> list[Walked]:
    minutes = sorted(zone_of_minute)
    place = [zone_of_minute[minute] for minute in minutes]
    gap = [_gap_minutes(minute, minutes, rules) for minute in minutes]
    stays = []
    position = 0
    while position < len(minutes):
        zone = place[position]
        members = [position]
        if zone is not None:
            for following in range(position + 1, len(minutes)):
                if following - members[-1] > rules.end_after_elsewhere > 0 or (
                    place[following] == zone and minutes[following] - minutes[members[-1]] > gap[members[-1]]
                ):
                    break
                if place[following] == zone:
                    members.append(following)
            dwell = _dwell_minutes(members, minutes, gap, rules)
            enough = len(members) * 1000 >= rules.minimum_share * (members[-1] - members[0] + 1)
            if enough and dwell >= zones[zone].minimum and (len(members) > 1 or rules.allows_single):
                stays.append((user, zone, minutes[position], int(dwell * 60)))
                position = members[-1]
        position += 1
    return stays


def _gap_minutes(minute: int, minutes: list[int], rules: PingRules) -> float:
    if rules.gap_ms is not None:
        return rules.gap_ms / MINUTE_MS
    same_day = [other for other in minutes if other // 1440 == minute // 1440]
    intervals = [later - earlier for earlier, later in pairwise(same_day)]
    return min(max(10 * median_low(intervals), 5), 45) if intervals else 45


def _dwell_minutes(members: list[int], minutes: list[int], gap: list[float], rules: PingRules) -> float:
    first, last = members[0], members[-1]
    dwell: float = minutes[last] - minutes[first]
    if rules.is_dwell_expected:
        before = minutes[first] - minutes[first - 1] if first > 0 else inf
        after = minutes[last + 1] - minutes[last] if last + 1 < len(minutes) else inf
        dwell += min(before, gap[first]) / 2 + min(after, gap[last]) / 2
    return dwell


def derive(pings: Sequence[ZonedPing], zones: Sequence[Zone], rules: PingRules) -> list[Walked]:
    """Return the stays that the module derives, as `walk` returns them."""
    pairs = [(index, zone) for index, ping in enumerate(pings) for zone in sorted(ping.zones)]
    matched = MatchedPings(
        np.array([ping.user for ping in pings], np.int64),
        np.array([ping.minute * MINUTE_MS for ping in pings], np.int64),
        np.array([index for index, _ in pairs], np.int64),
        np.array([zone for _, zone in pairs], np.int64),
    )
    zone_rules = ZoneRules(
        np.array([zone.group for zone in zones], np.int64),
        np.array([zone.minimum * MINUTE_MS for zone in zones], np.int64),
    )
    stays = derive_ping_stays(matched, zone_rules, rules)
    columns = stays.user, stays.zone, stays.start_ms // MINUTE_MS, stays.dwell_s
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


ping_lists = st.lists(
    st.builds(
        ZonedPing,
        st.integers(1, 3),
        st.integers(0, 60) | st.integers(1400, 1500),
        st.frozensets(st.integers(0, 3), max_size=2),
    ),
    max_size=60,
)
zone_lists = st.lists(st.builds(Zone, st.integers(0, 2), st.integers(0, 6)), min_size=4, max_size=4)
rule_sets = st.builds(
    PingRules,
    gap_ms=st.none() | st.integers(0, 40).map(lambda minutes: minutes * MINUTE_MS),
    end_after_elsewhere=st.integers(0, 3),
    minimum_share=st.sampled_from([0, 300, 500, 600, 1000]),
    allows_single=st.booleans(),
    is_dwell_expected=st.booleans(),
)


@given(ping_lists, zone_lists, rule_sets)
def test_stays_equal_those_of_a_walk_in_plain_python(
    pings: list[ZonedPing], zones: list[Zone], rules: PingRules
) -> None:
    assert derive(pings, zones, rules) == walk(pings, zones, rules)


@given(ping_lists, zone_lists, rule_sets, st.randoms())
def test_order_and_repetition_of_pings_make_no_difference(
    pings: list[ZonedPing], zones: list[Zone], rules: PingRules, random: Random
) -> None:
    shuffled = [*pings, *pings[::2]]
    random.shuffle(shuffled)
    assert derive(shuffled, zones, rules) == derive(pings, zones, rules)


@given(ping_lists, zone_lists, rule_sets)
def test_stays_of_a_group_never_overlap(pings: list[ZonedPing], zones: list[Zone], rules: PingRules) -> None:
    observed = PingRules(rules.gap_ms, rules.end_after_elsewhere, rules.minimum_share, rules.allows_single, False)
    ends: dict[tuple[int, int], int] = {}
    for user, zone, minute, dwell_s in sorted(derive(pings, zones, observed), key=lambda stay: (stay[0], stay[2])):
        key = user, zones[zone].group
        assert minute > ends.get(key, -1)
        ends[key] = minute + dwell_s // 60


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([0, 1, 2, 11, 12], [(1, 0, 0, 720)]),  # one minute is the median: silent for ten
        ([0, 1, 2, 13, 14], [(1, 0, 0, 120), (1, 0, 13, 60)]),
        ([0, 5, 50], [(1, 0, 0, 3000)]),  # 45 minutes at most
        ([0, 5, 51], [(1, 0, 0, 300)]),
    ],
)
def test_automatic_gap_follows_the_sampling_of_the_day(minutes: list[int], expected: list[Walked]) -> None:
    pings = [ZonedPing(1, minute, frozenset({0})) for minute in minutes]
    rules = PingRules(None, 3, 600, False, False)
    assert derive(pings, [Zone(0, 1)], rules) == expected


def test_pings_elsewhere_end_a_stay_and_its_zone_excludes_others() -> None:
    """A user in zone 0 is seen in zone 1 twice in a row, which does not count, and later three times, which does."""
    zone_of_minute = [0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1]
    pings = [ZonedPing(1, minute, frozenset({zone})) for minute, zone in enumerate(zone_of_minute)]
    rules = PingRules(10 * MINUTE_MS, 3, 600, False, False)
    assert derive(pings, [Zone(0, 1), Zone(0, 1)], rules) == [(1, 0, 0, 420), (1, 1, 8, 180)]


def test_only_a_ping_that_is_reached_and_left_too_fast_has_a_wrong_position() -> None:
    user = np.array([1, 1, 1, 1, 2, 2])
    at_ms = np.array([0, 10_000, 20_000, 30_000, DAY_MS, DAY_MS + 1000])
    metres = np.array([0.0, 5_000.0, 5_000.0, 10.0, 9_000.0, 5_000.0])
    assert find_position_errors(user, at_ms, metres).tolist() == [False, True, False, False, False, False]
