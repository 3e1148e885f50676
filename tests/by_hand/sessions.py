"""From single points to stays: pings of a panel, detections by equipments."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from tests.by_hand.truth import Detection, Equipment, Ping, Stay

T = TypeVar("T")


def runs(points: Sequence[T], at: Callable[[T], datetime], gap_s: int) -> list[list[T]]:
    """Points in order of time, cut wherever more than the gap lies between two."""
    found: list[list[T]] = []
    for point in sorted(points, key=at):
        if found and at(point) - at(found[-1][-1]) <= timedelta(seconds=gap_s):
            found[-1].append(point)
        else:
            found.append([point])
    return found


def seconds(first: datetime, last: datetime) -> int:
    """Whole seconds between two instants."""
    return (last - first) // timedelta(seconds=1)


def stays_of_pings(pings: Iterable[Ping], gap_s: int = 900, minimum_s: int = 120) -> list[Stay]:
    """One stay a run of pings of one user in one zone of one place, kept when it lasted the minimum."""
    by_spot: dict[tuple[str, str, str], list[Ping]] = defaultdict(list)
    for ping in pings:
        for place, zone in ping.spots:
            by_spot[ping.user, place, zone].append(ping)
    return [
        Stay(user, place, zone, run[0].at, seconds(run[0].at, run[-1].at))
        for (user, place, zone), found in by_spot.items()
        for run in runs(found, lambda ping: ping.at, gap_s)
        if seconds(run[0].at, run[-1].at) >= minimum_s
    ]


@dataclass(frozen=True)
class Session:
    """A device's stay at a site: the instants at which each equipment of its path was first and last seen, in order."""

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
        """What the stay was at each distinct equipment of its path."""
        bounds = [*(at for _, at in self.steps[1:]), self.end]
        found: dict[str, Passage] = {}
        for rank, ((equipment, start), end) in enumerate(zip(self.steps, bounds, strict=True), start=1):
            before = found.get(equipment)
            found[equipment] = Passage(
                equipment,
                before.start if before else start,
                end,
                seconds(start, end) + (before.dwell_s if before else 0),
                before.rank if before else rank,
            )
        return found


@dataclass(frozen=True)
class Passage:
    """rank: of the first time there, 1 is where the stay began; dwell_s: over every time there."""

    equipment: str
    start: datetime
    end: datetime
    dwell_s: int
    rank: int


def sessions_of_detections(
    detections: Iterable[Detection], equipments: Iterable[Equipment], gap_s: int, minimum_s: int
) -> list[Session]:
    """One stay a run of detections of one device at one site, kept when it lasted the minimum."""
    site_of = {equipment.id: equipment.site for equipment in equipments}
    by_site: dict[tuple[str, str], list[Detection]] = defaultdict(list)
    for detection in detections:
        by_site[detection.device, site_of[detection.equipment]].append(detection)
    found = []
    for (device, site), all_of_them in by_site.items():
        ordered = sorted(all_of_them, key=lambda detection: (detection.at, detection.equipment))
        for run in runs(ordered, lambda detection: detection.at, gap_s):
            if seconds(run[0].at, run[-1].at) >= minimum_s:
                steps = [
                    (one.equipment, one.at)
                    for before, one in zip([None, *run], run, strict=False)
                    if before is None or before.equipment != one.equipment
                ]
                found.append(Session(device, site, run[0].at, run[-1].at, tuple(steps)))
    return found
