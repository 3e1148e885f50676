"""Stays from single points: pings of a panel, and detections by equipments."""

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import groupby, pairwise
from statistics import median_low
from typing import Any, TypeVar

from tests.by_hand.truth import Detection, Equipment, Ping, Stay

MINUTE_MS, DAY_MS = 60_000, 86_400_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

T = TypeVar("T")
Z = TypeVar("Z", bound=Any)


def split_runs(points: Sequence[T], at: Callable[[T], datetime], gap_s: int) -> list[list[T]]:
    """Split points, in order of time, wherever more than the gap lies between two."""
    pieces: list[list[T]] = []
    for point in sorted(points, key=at):
        if pieces and at(point) - at(pieces[-1][-1]) <= timedelta(seconds=gap_s):
            pieces[-1].append(point)
        else:
            pieces.append([point])
    return pieces


def seconds(first: datetime, last: datetime) -> int:
    """Return the whole seconds between two instants."""
    return (last - first) // timedelta(seconds=1)


# -- pings ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class StayRule:
    """When pings in a zone are a stay (docs/stays.md); the default is the rule of older applications.

    gap_ms: None is automatic.  expected: whether dwell includes half the silences around the stay.
    """

    gap_ms: int | None = 15 * MINUTE_MS
    end_after_elsewhere: int = 0
    minimum_share: Fraction = Fraction(0)
    minimum_s: int = 120
    expected: bool = False


NEW_STAY_RULE = StayRule(None, end_after_elsewhere=3, minimum_share=Fraction(6, 10), expected=True)
"""The rule of new applications."""


@dataclass(frozen=True)
class ZoneRule:
    """A user is in one zone of a group at a time; a stay there lasts the minimum and `walk_ms` more."""

    group: Hashable
    walk_ms: int = 0


PlaceZone = tuple[str, str]


def derive_stays(
    pings: Iterable[Ping], rule: StayRule = StayRule(), zone_rules: Mapping[PlaceZone, ZoneRule] | None = None
) -> list[Stay]:
    """Return the stays of pings; zones that have no rule are in a group of their own.

    Pings that are jumps (`is_jump`) count for the automatic gap only.
    """
    pings = list(pings)
    zones = {zone for ping in pings for zone in ping.place_zones}
    rules = {zone: (zone_rules or {}).get(zone, ZoneRule(zone)) for zone in zones}
    by_user: dict[str, list[Ping]] = defaultdict(list)
    for ping in pings:
        by_user[ping.user].append(ping)
    stays = []
    for user, of_user in by_user.items():
        places: dict[int, set[PlaceZone]] = defaultdict(set)
        for ping in of_user:
            if not ping.is_jump:
                places[to_ms(ping.at)] |= set(ping.place_zones)
        intervals_ms = find_intervals_ms({to_ms(ping.at) for ping in of_user})
        for group in {rules[zone].group for zone in zones}:
            zone_at = {
                at_ms: min((zone for zone in inside if rules[zone].group == group), default=None)
                for at_ms, inside in places.items()
            }
            minimum_ms = {zone: rule.minimum_s * 1000 + rules[zone].walk_ms for zone in zones}
            stays += [
                Stay(user, *zone, EPOCH + timedelta(milliseconds=start_ms), dwell_ms // 1000)
                for zone, start_ms, dwell_ms in walk(zone_at, intervals_ms, rule, minimum_ms)
            ]
    return stays


def to_ms(at: datetime) -> int:
    """Return the milliseconds since 1970."""
    return (at - EPOCH) // timedelta(milliseconds=1)


def walk(
    zone_at: Mapping[int, Z | None], intervals_ms: Mapping[int, int], rule: StayRule, minimum_ms: Mapping[Z, int]
) -> list[tuple[Z, int, int]]:
    """Return zone, first instant and dwell in ms of the stays of a user, who is in one zone at a time.

    zone_at: the zone at each instant (ms) with a ping, None elsewhere.  intervals_ms: see `find_intervals_ms`.
    """
    instants = sorted(zone_at)
    usual_gaps_ms = {
        at_ms: min(10 * interval_ms, 45 * MINUTE_MS) if rule.gap_ms is None else rule.gap_ms
        for at_ms, interval_ms in intervals_ms.items()
    }
    least_ms = 5 * MINUTE_MS if rule.gap_ms is None else 0
    gaps_ms = {at_ms: max(usual_ms, least_ms) for at_ms, usual_ms in usual_gaps_ms.items()}
    limits_ms = {at_ms: usual_ms // 3 for at_ms, usual_ms in usual_gaps_ms.items()}
    zones = [zone_at[at_ms] for at_ms in instants]
    stays = []
    position = 0
    while position < len(instants):
        zone = zones[position]
        if zone is not None:
            members = _follow(position, instants, zones, gaps_ms, rule)
            first, last = members[0], members[-1]
            dwell_ms = _measure_dwell_ms(first, last, instants, gaps_ms, rule)
            certain_ms = _measure_dwell_ms(first, last, instants, limits_ms, rule)
            is_stay = (
                len(members) >= rule.minimum_share * (last - first + 1)
                and certain_ms >= minimum_ms[zone]
                and (
                    len(members) > 1
                    or rule.minimum_s == 0
                    or certain_ms >= max(750_000, 2 * intervals_ms[instants[first]])
                )
            )
            if is_stay:
                stays.append((zone, instants[first], dwell_ms))
                position = last
        position += 1
    return stays


def _follow(
    position: int, instants: Sequence[int], zones: Sequence[Z | None], gaps_ms: Mapping[int, int], rule: StayRule
) -> list[int]:
    """Return the positions of the pings in the same zone, up to a silence there or too many pings elsewhere."""
    members = [position]
    for following in range(position + 1, len(instants)):
        if following - members[-1] > rule.end_after_elsewhere > 0:
            break
        if zones[following] == zones[position]:
            if instants[following] - instants[members[-1]] > gaps_ms[instants[members[-1]]]:
                break
            members.append(following)
    return members


def find_intervals_ms(instants: Collection[int]) -> dict[int, int]:
    """Return the median interval at each instant (ms) of a user: that of the instants on the same UTC day."""
    medians_ms: dict[int, int] = {}
    for _, of_day in groupby(sorted(instants), lambda at_ms: at_ms // DAY_MS):
        same_day = list(of_day)
        intervals_ms = [later - earlier for earlier, later in pairwise(same_day)]
        medians_ms |= dict.fromkeys(same_day, median_low(intervals_ms) if intervals_ms else DAY_MS)
    return medians_ms


def _measure_dwell_ms(
    first: int, last: int, instants: Sequence[int], limits_ms: Mapping[int, int], rule: StayRule
) -> int:
    """Return the time from one ping to another, and half the silences around it, each at most half a limit."""
    dwell_ms = instants[last] - instants[first]
    if rule.expected:
        before_ms = instants[first] - instants[first - 1] if first > 0 else DAY_MS * 10**6
        after_ms = instants[last + 1] - instants[last] if last + 1 < len(instants) else DAY_MS * 10**6
        dwell_ms += min(before_ms, limits_ms[instants[first]]) // 2 + min(after_ms, limits_ms[instants[last]]) // 2
    return dwell_ms


# -- detections -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Session:
    """A device's stay at a site, with the equipments of its path in order."""

    device: str
    site: str
    start: datetime
    end: datetime
    steps: tuple[tuple[str, datetime], ...]  # equipment and first detection there, consecutive repeats collapsed

    @property
    def dwell_s(self) -> int:
        return seconds(self.start, self.end)

    @property
    def path(self) -> tuple[str, ...]:
        return tuple(equipment for equipment, _ in self.steps)

    def passages(self) -> dict[str, "Passage"]:
        """Return the passage at each distinct equipment of the path."""
        bounds = [*(at for _, at in self.steps[1:]), self.end]
        passages: dict[str, Passage] = {}
        for rank, ((equipment, start), end) in enumerate(zip(self.steps, bounds, strict=True), start=1):
            before = passages.get(equipment)
            passages[equipment] = Passage(
                equipment,
                before.start if before else start,
                end,
                seconds(start, end) + (before.dwell_s if before else 0),
                before.rank if before else rank,
            )
        return passages


@dataclass(frozen=True)
class Passage:
    """The time at one equipment.  rank: the position of the first time in the path, from 1; dwell_s: of all times."""

    equipment: str
    start: datetime
    end: datetime
    dwell_s: int
    rank: int


def derive_sessions(
    detections: Iterable[Detection], equipments: Iterable[Equipment], gap_s: int, minimum_s: int
) -> list[Session]:
    """Return one stay for each run of detections of a device at a site, if it lasts the minimum."""
    site_of = {equipment.id: equipment.site for equipment in equipments}
    by_site: dict[tuple[str, str], list[Detection]] = defaultdict(list)
    for detection in detections:
        by_site[detection.device, site_of[detection.equipment]].append(detection)
    sessions = []
    for (device, site), of_device in by_site.items():
        ordered = sorted(of_device, key=lambda detection: (detection.at, detection.equipment))
        for run in split_runs(ordered, lambda detection: detection.at, gap_s):
            if seconds(run[0].at, run[-1].at) >= minimum_s:
                steps = [
                    (detection.equipment, detection.at)
                    for before, detection in zip([None, *run], run, strict=False)
                    if before is None or before.equipment != detection.equipment
                ]
                sessions.append(Session(device, site, run[0].at, run[-1].at, tuple(steps)))
    return sessions
