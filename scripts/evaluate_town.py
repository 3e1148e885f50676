"""Evaluates rules of stays on people whose visits are known: prints the tables of docs/stays.md, and draws its plot.

FOLDER has `places.csv` (id, type, lng, lat, wkt), `visits.csv` (user, place, start, duration_min),
`pings_5min.csv.gz` and `pings_1min.csv.gz` (user, at, lng, lat), times in UTC; docs/stays.md says where such data comes
from.  Only the places of one type, shops by default, are sites.  The hall is the town shrunk four times, with noise
added.  The plot needs matplotlib, which the extra `peer` of the package installs.
"""

import argparse
import csv
import gzip
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import h3
import numpy as np
import pyarrow as pa
import pyarrow.csv
import shapely
from okube_api.geo.distance import haversine_m
from okube_api.geo.place_cells import compute_cells
from okube_api.ingest.columns.local_days import to_utc_days
from okube_api.ingest.derive.ping_stays import MatchedPings, derive_ping_stays
from okube_api.ingest.derive.place_index import CELLS_GIVEN, PlaceIndex, index_places
from okube_api.ingest.evaluation.scores import Intervals, StayScores, score_stays
from okube_api.ingest.refresh.context import build_place_rules
from okube_api.ingest.refresh.geo_stays import build_ping_rules
from okube_api.kit.application import NEW_STAYS, Stays
from okube_api.store.arrays import Floats, Ints

DEGREE_M = 111_320.0
HALL_NOISE_M = 5.4
OLD_STAYS = Stays()


@dataclass(frozen=True, eq=False)
class Pings:
    """Pings of users, by user and time."""

    user: Ints
    at_ms: Ints
    lng: Floats
    lat: Floats

    def filter(self, mask: Any) -> "Pings":
        """Return the pings where the mask is true."""
        return Pings(self.user[mask], self.at_ms[mask], self.lng[mask], self.lat[mask])


@dataclass(frozen=True, eq=False)
class Town:
    """Places as polygons in degrees, and the visits of users; places and users by index."""

    ids: Sequence[str]
    users: Sequence[str]
    polygons: Any
    visits: Intervals

    @cached_property
    def centres(self) -> Floats:
        """The centroid of each place in degrees, shape (places, 2)."""
        return shapely.get_coordinates(shapely.centroid(self.polygons))

    def describe_places(self, *, radius: float | None) -> list[dict[str, Any]]:
        """Return the documents of the places: with their polygons, or as circles of a radius in metres."""
        documents = []
        for place, polygon, centre in zip(self.ids, self.polygons, self.centres.tolist(), strict=True):
            document: dict[str, Any] = {"_id": place, "coordinates": centre, CELLS_GIVEN: []}
            if radius is None:
                document["geometry"] = json.loads(shapely.to_geojson(polygon))
            else:
                document |= {"radius": radius, **compute_cells(centre, radius)}
            documents.append(document)
        return documents


def read_town(folder: Path, kind: str) -> Town:
    """Return the places of one type, and the visits there."""
    with (folder / "places.csv").open() as file:
        places = sorted((row for row in csv.DictReader(file) if row["type"] == kind), key=lambda row: row["id"])
    ids = [row["id"] for row in places]
    with (folder / "visits.csv").open() as file:
        rows = list(csv.DictReader(file))
    users = sorted({row["user"] for row in rows})
    rows = [row for row in rows if row["place"] in set(ids)]
    start_ms = np.array([int(datetime.fromisoformat(row["start"]).timestamp() * 1000) for row in rows], np.int64)
    minutes = np.array([float(row["duration_min"]) for row in rows])
    visits = Intervals(
        np.array([users.index(row["user"]) for row in rows], np.int64),
        np.array([ids.index(row["place"]) for row in rows], np.int64),
        start_ms,
        start_ms + (minutes * 60_000).astype(np.int64),
    )
    return Town(ids, users, shapely.from_wkt([row["wkt"] for row in places]), visits)


def read_pings(path: Path, users: Sequence[str]) -> Pings:
    """Return the pings of a file, by user and time."""
    with gzip.open(path) as file:
        rows = pa.csv.read_csv(file)
    user = pa.compute.index_in(rows["user"], value_set=pa.array(users)).to_numpy().astype(np.int64)
    at_ms = rows["at"].cast(pa.timestamp("ms", "UTC")).cast(pa.int64()).to_numpy()
    by = np.lexsort((at_ms, user))
    return Pings(user[by], at_ms[by], rows["lng"].to_numpy()[by], rows["lat"].to_numpy()[by])


# -- other samplings -------------------------------------------------------------------------------------------


def shrink(town: Town, pings: Pings, seed: int = 1, noise_m: float = HALL_NOISE_M) -> tuple[Town, Pings]:
    """Return the town four times smaller, with noise so that positions are about as wrong as before."""
    centre = town.centres.mean(axis=0)
    random = np.random.default_rng(seed)
    east_m, north_m = random.normal(0, noise_m, (2, len(pings.user)))
    small = shapely.transform(town.polygons, lambda points: (points - centre) / 4 + centre)
    scale = DEGREE_M * np.cos(np.radians(centre[1]))
    return replace(town, polygons=small), replace(
        pings,
        lng=(pings.lng - centre[0]) / 4 + centre[0] + east_m / scale,
        lat=(pings.lat - centre[1]) / 4 + centre[1] + north_m / DEGREE_M,
    )


def thin(pings: Pings, minutes: float) -> Pings:
    """Return the first ping of each user in every so many minutes."""
    slot = pings.at_ms // int(minutes * 60_000)
    is_first = np.append(True, (slot[1:] != slot[:-1]) | (pings.user[1:] != pings.user[:-1]))
    return pings.filter(is_first)


def drop(pings: Pings, share: float, seed: int = 2) -> Pings:
    """Return the pings without a share of them, drawn at random."""
    return pings.filter(np.random.default_rng(seed).random(len(pings.user)) >= share)


def blur(pings: Pings, noise_m: float, seed: int = 3) -> Pings:
    """Return the pings with more noise."""
    east_m, north_m = np.random.default_rng(seed).normal(0, noise_m, (2, len(pings.user)))
    scale = DEGREE_M * np.cos(np.radians(pings.lat))
    return replace(pings, lng=pings.lng + east_m / scale, lat=pings.lat + north_m / DEGREE_M)


# -- evaluation ------------------------------------------------------------------------------------------------


def derive(pings: Pings, places: PlaceIndex, settings: Stays, matched: tuple[Ints, Ints] | None = None) -> Intervals:
    """Return the indoor stays of pings.  matched: the pings and zones that match, if they are known."""
    point, zone = matched or places.match(pings.lng, pings.lat)
    stays = derive_ping_stays(
        MatchedPings(pings.user, pings.at_ms, point, zone), places.zone_rules, build_ping_rules(settings)
    )
    indoor = stays.take(np.flatnonzero(stays.zone % 2 == 0))
    return Intervals(indoor.user, indoor.zone // 2, indoor.start_ms, indoor.start_ms + indoor.dwell_s * 1000)


def evaluate(town: Town, pings: Pings, settings: Stays, radius: float | None) -> StayScores:
    """Return the scores of the settings; radius: of circles in metres, None for polygons."""
    places = index_places(town.describe_places(radius=radius), [], "UTC", build_place_rules(settings))
    return score_stays(derive(pings, places, settings), town.visits, len(town.ids))


@dataclass(frozen=True, eq=False)
class Case:
    """A row of the table: settings, and how places are known: as circles of a radius in metres, or as polygons."""

    name: str
    town: Town
    pings: Pings
    settings: Stays = NEW_STAYS
    radius: float | None = None

    def score(self) -> StayScores:
        """Return the scores of the settings."""
        return evaluate(self.town, self.pings, self.settings, self.radius)


def list_cases(town: Town, samples: Mapping[str, Pings]) -> Iterator[Case]:
    """Yield the rows of the tables of docs/stays.md.  samples: pings by how often they come."""
    for often, pings in samples.items():
        street, hall = f"high street, pings {often}", f"market hall, pings {often}"
        small_town, small_pings = shrink(town, pings)
        without_minimum = NEW_STAYS.model_copy(update={"minimum_seconds": 0, "walking_speed": None})
        yield Case(f"{street}: old rule, circles of 70 m", town, pings, OLD_STAYS, 70)
        yield Case(f"{street}: new rule, polygons", town, pings)
        yield Case(f"{street}: new rule, points only", town, pings, radius=30)
        yield Case(f"{street}: new rule, polygons, `minimumSeconds: 0`", town, pings, without_minimum)
        yield Case(f"{hall}: old rule, circles of 70 m", small_town, small_pings, OLD_STAYS, 70)
        yield Case(f"{hall}: new rule, polygons", small_town, small_pings)
        yield Case(f"{street}, half of them lost: new rule, polygons", town, drop(pings, 0.5))
        yield Case(f"{street}, 10 m more noise: new rule, polygons", town, blur(pings, 10))
    sparse = next(iter(samples.values()))
    for minutes in (10, 15):
        yield Case(f"high street, pings every {minutes} minutes: new rule, polygons", town, thin(sparse, minutes))


def format_table(cases: Sequence[Case]) -> str:
    """Return the scores of cases as a Markdown table."""
    rows = [
        "| case | precision | recall | stays per visit | dwell error (median) | correlation |",
        "|---|---|---|---|---|---|",
    ]
    for case in cases:
        scores = case.score()
        _, median_s, _ = scores.dwell_error_quartiles_s or (0.0, 0.0, 0.0)
        figures = f"{scores.precision or 0:.3f} | {scores.recall or 0:.3f} | {scores.stays_per_visit or 0:.2f}"
        rows.append(f"| {case.name} | {figures} | {median_s / 60:+.1f} min | {scores.correlation or 0:.3f} |")
    return "\n".join(rows)


# -- passers-by ------------------------------------------------------------------------------------------------

BUSY_PLACES = 60
_PLACE_DISTANCE_M = 200
_PASSING_MPS = 0.5


def list_busy_places(pings: Pings) -> list[tuple[float, float]]:
    """Return the centres of the H3 cells with the most days of users, no two of them close to one another."""
    days: dict[str, set[tuple[int, int]]] = {}
    columns = (pings.user, to_utc_days(pings.at_ms), pings.lng, pings.lat)
    for user, day, lng, lat in zip(*(column.tolist() for column in columns), strict=True):
        days.setdefault(h3.latlng_to_cell(lat, lng, 10), set()).add((user, day))
    centres: list[tuple[float, float]] = []
    for cell in sorted(days, key=lambda cell: (-len(days[cell]), cell)):
        lat, lng = h3.cell_to_latlng(cell)
        if all(haversine_m(lng, lat, *centre) > _PLACE_DISTANCE_M for centre in centres):
            centres.append((lng, lat))
        if len(centres) == BUSY_PLACES:
            break
    return centres


def measure_passers_by(pings: Pings, settings: Stays, radius: float) -> tuple[int, float]:
    """Return the number of stays at busy places, and the share of those whose user only walks past.

    These users move on by at least `_PASSING_MPS` from the first to the last ping there.
    """
    documents = [
        {
            "_id": f"{number}",
            "coordinates": list(centre),
            CELLS_GIVEN: [],
            "radius": radius,
            **compute_cells(centre, radius),
        }
        for number, centre in enumerate(list_busy_places(pings))
    ]
    places = index_places(documents, [], "UTC", build_place_rules(settings))
    point, zone = matched = places.match(pings.lng, pings.lat)
    stays = derive(pings, places, settings, matched)
    passing = 0
    for row in range(len(stays)):
        there = point[(zone == 2 * stays.place[row]) & (pings.user[point] == stays.user[row])]
        at_ms = pings.at_ms[there]
        inside = np.sort(there[(at_ms >= stays.start_ms[row]) & (at_ms <= stays.end_ms[row])])
        first, last = inside[0], inside[-1]
        metres = haversine_m(pings.lng[first], pings.lat[first], pings.lng[last], pings.lat[last])
        passing += bool(metres > _PASSING_MPS * max(1.0, (pings.at_ms[last] - pings.at_ms[first]) / 1000))
    return len(stays), passing / max(1, len(stays))


# -- plot ------------------------------------------------------------------------------------------------------


def draw_plot(path: Path, cases: Sequence[Case]) -> None:
    """Draw the numbers of stays and visits of each place, by the old rule and by the new one."""
    from matplotlib import pyplot  # noqa: PLC0415 - needed here only

    pyplot.rcParams["svg.hashsalt"] = "okube"  # the same file each time
    figure, axes = pyplot.subplots(1, len(cases), figsize=(4 * len(cases), 4), layout="constrained")
    for axis, case in zip(axes, cases, strict=True):
        scores = case.score()
        top = max(int(scores.visits.max()), int(scores.stays.max())) + 2
        axis.plot([0, top], [0, top], color="0.8", linewidth=1)
        axis.scatter(scores.visits, scores.stays, s=14, alpha=0.7)
        axis.set(title=case.name, xlabel="visits", ylabel="stays", xlim=(0, top), ylim=(0, top))
    figure.savefig(path, metadata={"Date": None})


def main() -> None:
    """Print the tables, and draw the plot if a file is given for it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, metavar="FOLDER")
    parser.add_argument("--type", default="retail", help="type of the places that are sites")
    parser.add_argument("--plot", type=Path, help="SVG file for the plot")
    parser.add_argument(
        "--pings", type=Path, help="other pings (user, at, lng, lat; .csv.gz), for the share of passers-by"
    )
    arguments = parser.parse_args()
    town = read_town(arguments.folder, arguments.type)
    samples = {
        f"every {often}": read_pings(arguments.folder / f"pings_{name}.csv.gz", town.users)
        for often, name in (("5 minutes", "5min"), ("minute", "1min"))
    }
    print(format_table(list(list_cases(town, samples))))
    if arguments.pings:
        with gzip.open(arguments.pings) as file:
            users = sorted(set(pa.csv.read_csv(file)["user"].to_pylist()))
        pings = read_pings(arguments.pings, users)
        for name, settings, radius in (("old rule, 70 m", OLD_STAYS, 70), ("new rule, 30 m", NEW_STAYS, 30)):
            print("{}: {} stays, {:.1%} of passers-by".format(name, *measure_passers_by(pings, settings, radius)))
    if arguments.plot:
        often, pings = next(iter(samples.items()))
        cases = [
            Case(f"pings {often}: old rule", town, pings, OLD_STAYS, 70),
            Case(f"pings {often}: points only", town, pings, radius=30),
            Case(f"pings {often}: polygons", town, pings),
        ]
        draw_plot(arguments.plot, cases)


if __name__ == "__main__":
    main()
