"""Tests the stays of pings against a walk along the pings of each user in plain Python."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.derive.ping_stays import (
    MatchedPings,
    PingRules,
    ZoneRules,
    derive_ping_stays,
)
from tests.by_hand.sessions import MINUTE_MS, StayRule, find_intervals_ms, walk


@dataclass(frozen=True)
class ZonedPing:
    """A ping of a user, in minutes since the start, and the zones it is in; ignored ones only say when pings come."""

    user: int
    minute: int
    zones: frozenset[int]
    ignored: bool = False


@dataclass(frozen=True)
class Zone:
    """The exclusive group of a zone, and the least minutes of a stay there."""

    group: int
    minimum: int


Walked = tuple[int, int, int, int]  # user, zone, first minute, dwell in seconds


def walk_by_hand(pings: Sequence[ZonedPing], zones: Sequence[Zone], rules: PingRules) -> list[Walked]:
    """Return the stays that a walk along the pings of each user finds in each group of zones."""
    rule = StayRule(
        rules.gap_ms,
        rules.end_after_elsewhere,
        Fraction(rules.minimum_share, 1000),
        0 if rules.allows_single else 1,  # the least dwell is that of the zone
        rules.is_dwell_expected,
    )
    zones_at: dict[int, dict[int, set[int]]] = defaultdict(lambda: defaultdict(set))
    instants_of: dict[int, set[int]] = defaultdict(set)
    for ping in pings:
        instants_of[ping.user].add(ping.minute * MINUTE_MS)
        if not ping.ignored:
            zones_at[ping.user][ping.minute * MINUTE_MS] |= ping.zones
    return sorted(
        (user, zone, start_ms // MINUTE_MS, dwell_ms // 1000)
        for user, instants in zones_at.items()
        for group in {zone.group for zone in zones}
        for zone, start_ms, dwell_ms in walk(
            {
                at_ms: min((zone for zone in inside if zones[zone].group == group), default=None)
                for at_ms, inside in instants.items()
            },
            find_intervals_ms(instants_of[user]),
            rule,
            {number: zone.minimum * MINUTE_MS for number, zone in enumerate(zones)},
        )
    )


def derive(pings: Sequence[ZonedPing], zones: Sequence[Zone], rules: PingRules) -> list[Walked]:
    """Return the stays that the module derives, as `walk_by_hand` returns them."""
    pairs = [(index, zone) for index, ping in enumerate(pings) if not ping.ignored for zone in sorted(ping.zones)]
    matched = MatchedPings(
        np.array([ping.user for ping in pings], np.int64),
        np.array([ping.minute * MINUTE_MS for ping in pings], np.int64),
        np.array([index for index, _ in pairs], np.int64),
        np.array([zone for _, zone in pairs], np.int64),
        np.array([ping.ignored for ping in pings], np.bool_),
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
        st.sampled_from([False, False, False, True]),
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
    assert derive(pings, zones, rules) == walk_by_hand(pings, zones, rules)


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


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([0, 10, 11, 12, 22], []),  # two minutes, and a minute and a half of each silence: 5 in all
        ([0, 10, 11, 12, 13, 23], [(1, 0, 10, 780)]),  # 6 in all; the dwell includes half of each silence
    ],
)
def test_silences_hardly_count_for_the_least_dwell(minutes: list[int], expected: list[Walked]) -> None:
    """Check a user who pings every minute, but not just before and after walking past a place for six minutes."""
    often = [ZonedPing(1, 100 + minute, frozenset()) for minute in range(20)]
    pings = [
        ZonedPing(1, minute, frozenset({0}) if 0 < place < len(minutes) - 1 else frozenset())
        for place, minute in enumerate(minutes)
    ]
    rules = PingRules(None, 3, 600, False, True)
    assert derive([*pings, *often], [Zone(0, 6)], rules) == expected


@pytest.mark.parametrize(
    ("minutes", "expected"),
    [
        ([0, 5, 10, 22, 35, 40, 45], [(1, 0, 22, 750)]),  # half of 12 and of 13 minutes
        ([0, 5, 10, 22, 34, 39, 44], []),
    ],
)
def test_a_single_ping_between_long_silences_is_a_stay(minutes: list[int], expected: list[Walked]) -> None:
    pings = [ZonedPing(1, minute, frozenset({0} if minute == 22 else ())) for minute in minutes]
    assert derive(pings, [Zone(0, 3)], PingRules(None, 3, 600, False, True)) == expected
    assert derive(pings, [Zone(0, 3)], PingRules(None, 3, 600, False, False)) == []


def test_pings_elsewhere_end_a_stay_and_its_zone_excludes_others() -> None:
    """A user in zone 0 is seen in zone 1 twice in a row, which does not count, and later three times, which does."""
    zone_of_minute = [0, 0, 0, 1, 1, 0, 0, 0, 1, 1, 1, 1]
    pings = [ZonedPing(1, minute, frozenset({zone})) for minute, zone in enumerate(zone_of_minute)]
    rules = PingRules(10 * MINUTE_MS, 3, 600, False, False)
    assert derive(pings, [Zone(0, 1), Zone(0, 1)], rules) == [(1, 0, 0, 420), (1, 1, 8, 180)]
