"""Stays of pings and of stay events at two places, from arrays alone."""

from typing import Any

import h3
import numpy as np
import pyarrow as pa
from okube_api.ingest.derive.geo_stays import PingUse, deduplicate_stays, find_stays, match_pings
from okube_api.ingest.derive.ping_runs import PingSessionizer
from okube_api.ingest.derive.ping_stays import PingRules
from okube_api.ingest.derive.place_index import PlaceIndex, PlaceRules, index_places

MINUTE_MS, DAY_MS = 60_000, 86_400_000
DAY = 19_800
AT_MS = (DAY - 1) * DAY_MS + 12 * 3_600_000  # noon, UTC
PARIS, LYON = (2.35, 48.86), (4.84, 45.76)
RULES = PingRules(1_800_000, 0, 0, allows_single=False, is_dwell_expected=False)
CONTENT = ("user", "place", "zone", "at", "duration_s")


def build_places() -> PlaceIndex:
    """Return a site with an indoor zone, and a point of interest in another time zone with an outdoor zone."""
    cells = [{"resolution": 12, "indexes": [h3.latlng_to_cell(lat, lng, 12)]} for lng, lat in (PARIS, LYON)]
    site = {"_id": "s", "timezone": "Europe/Paris", "coordinates": PARIS, "indoorIndexes": cells[0]}
    poi = {"_id": "p", "timezone": "Pacific/Kiritimati", "coordinates": LYON, "outdoorIndexes": cells[1]}
    return index_places([site], [poi], "UTC", PlaceRules(minimum_s=120))


def build_pings(rows: list[tuple[int, int, tuple[float, float]]]) -> pa.Table:
    """Return pings as a table, from rows of (user, minute after `AT_MS`, point)."""
    columns = {
        "user": [user for user, _, _ in rows],
        "at": [AT_MS + minute * MINUTE_MS for _, minute, _ in rows],
        "lng": [point[0] for _, _, point in rows],
        "lat": [point[1] for _, _, point in rows],
    }
    nulls = pa.nulls(len(rows), pa.float64())
    return pa.table({**columns, "accuracy": nulls, "speed": nulls})


def test_pings_in_a_zone_become_stays() -> None:
    places = build_places()
    in_zones = [(1, 0, PARIS), (1, 30, PARIS), (1, 61, PARIS), (1, 64, PARIS), (2, 0, LYON), (2, 5, LYON)]
    pings = build_pings([*in_zones, (1, 10, (0.0, 0.0)), (3, 0, PARIS)])  # outside of all zones; too short for a stay
    sessionizer = PingSessionizer(places, RULES)
    detections, use = match_pings(pings, np.zeros(pings.num_rows, np.int64), sessionizer)
    assert len(detections) == np.count_nonzero(use == PingUse.MATCHED) == len(in_zones) + 1
    stays = find_stays(sessionizer.sessionize(detections), sessionizer, (DAY - 1, DAY + 1))
    rows = sorted(
        zip(stays.user.tolist(), stays.zone.tolist(), stays.dwell_s.tolist(), stays.day.tolist(), strict=True)
    )
    names = places.zone_names
    assert [(user, names[zone], dwell_s, day) for user, zone, dwell_s, day in rows] == [
        (1, "s indoor", 180, DAY),
        (1, "s indoor", 1800, DAY),
        (2, "p outdoor", 300, DAY + 1),  # 14 hours ahead of UTC
    ]


def test_a_stay_event_counts_once_and_its_change_affects_its_local_day() -> None:
    places = build_places()
    columns = {"part": DAY, "user": 1, "place": "p", "zone": "outdoor", "at": AT_MS, "duration_s": 600}
    others: list[dict[str, Any]] = [{"batch": 2}, {"batch": 2, "user": 2}, {"batch": 2, "place": "deleted"}]
    rows = pa.Table.from_pylist([{**columns, **other} for other in [{"batch": 1}, *others]])
    nulls = pa.nulls(rows.num_rows, pa.int64())
    rows = rows.append_column("id_high", nulls).append_column("id_low", nulls)
    events = deduplicate_stays(rows, np.array([0, 1, 1, 1]), CONTENT, places)
    assert sorted(events.stays.user.tolist()) == [1, 2]
    assert set(events.stays.day.tolist()) == {DAY + 1}
    assert events.affected_days.tolist() == [DAY + 1]
