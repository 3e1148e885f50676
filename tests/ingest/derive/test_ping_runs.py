"""Tests which pings stays are derived from, against stays derived from all pings."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from okube_api.ingest.derive.ping_runs import OUTSIDE, PingSessionizer
from okube_api.ingest.derive.ping_stays import MatchedPings, PingRules, derive_ping_stays
from okube_api.ingest.derive.place_index import PlaceRules, index_places
from okube_api.ingest.derive.sessionize import Detections

HOUR_MS, DAY_MS = 3_600_000, 86_400_000
FIRST_MS = 19_800 * DAY_MS
PLACES = index_places(
    [{"_id": "a", "coordinates": [4.8, 45.7]}], [], "UTC", PlaceRules(is_exclusive=True, minimum_s=60)
)
MINUTES = st.integers(0, 6 * 1440) | st.sampled_from(
    [day * 1440 + minute for day in (1, 3) for minute in range(-50, 50)]
)


@pytest.mark.parametrize(
    "rules",
    [
        PingRules(None, 3, 500, allows_single=False, is_dwell_expected=True),
        PingRules(None, 0, 0, allows_single=True, is_dwell_expected=True),
        PingRules(30 * 60_000, 2, 700, allows_single=False, is_dwell_expected=False),
        PingRules(30 * HOUR_MS, 0, 300, allows_single=True, is_dwell_expected=True),
    ],
)
@given(st.lists(st.tuples(st.integers(1, 3), MINUTES, st.sampled_from([OUTSIDE, OUTSIDE, 0, 1])), max_size=80))
def test_pings_far_from_zones_do_not_change_stays(rules: PingRules, pings: list[tuple[int, int, int]]) -> None:
    user, minute, zone = np.array(sorted(pings), np.int64).reshape(-1, 3).T
    at_ms, none = FIRST_MS + minute * 60_000, np.zeros(len(user), np.int32)
    inside = np.flatnonzero(zone != OUTSIDE)
    expected = derive_ping_stays(MatchedPings(user, at_ms, inside, zone[inside]), PLACES.zone_rules, rules)
    detections = Detections(user, zone.astype(np.int32), none, at_ms, none + 1)
    found = PingSessionizer(PLACES, rules).sessionize(detections).after.stays
    for name in ("user", "zone", "start_ms", "dwell_s"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
