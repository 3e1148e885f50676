"""Stays from single points: pings of a panel, and detections by equipments."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from tests.by_hand.truth import Detection, Equipment, Ping, Stay

T = TypeVar("T")


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


def derive_stays(pings: Iterable[Ping], gap_s: int = 900, minimum_s: int = 120) -> list[Stay]:
    """Return one stay for each run of pings of a user in a zone of a place, if it lasts the minimum."""
    by_zone: dict[tuple[str, str, str], list[Ping]] = defaultdict(list)
    for ping in pings:
        for place, zone in ping.place_zones:
            by_zone[ping.user, place, zone].append(ping)
    return [
        Stay(user, place, zone, run[0].at, seconds(run[0].at, run[-1].at))
        for (user, place, zone), group in by_zone.items()
        for run in split_runs(group, lambda ping: ping.at, gap_s)
        if seconds(run[0].at, run[-1].at) >= minimum_s
    ]


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
