"""Tests how files of true visits are read: columns of many names, units, times and places."""

from pathlib import Path
from typing import Any

import pytest
from okube_api.errors import Refusal
from okube_api.ingest.evaluation.visit_file import PlaceNames, read_visit_file
from okube_api.ingest.parse.read_options import ReadOptions

pytestmark = pytest.mark.anyio

SITES = [
    {"_id": "a1", "names": ["lyon", "lyon-old"], "name": "Lyon", "timezone": "America/New_York"},
    {"_id": "a2", "names": ["lille"], "name": "Twin"},
]
POIS = [{"_id": "b1", "key": "station", "name": "Twin"}, {"_id": "b2", "key": "lille", "name": "Port"}]
IDS = ["a1", "a2", "b1", "b2"]
NOON_MS = 1_704_110_400_000  # 2024-01-01T12:00Z
Row = tuple[str, int, int, int]


async def read(folder: Path, text: str, **options: Any) -> tuple[list[Row], list[int]]:
    """Return the visits of a file, in minutes since noon, and the numbers of its invalid lines."""
    path = folder / "visits.csv"
    path.write_text(text, encoding="utf-8")
    visits = await read_visit_file(path, ReadOptions(**options), PlaceNames(SITES, POIS, IDS, "Europe/Paris"))
    times = [((column - NOON_MS) // 60_000).tolist() for column in (visits.start_ms, visits.end_ms)]
    rows = list(zip(visits.user.to_pylist(), visits.place.tolist(), *times, strict=True))
    return rows, [line.number for line in visits.rejected]


@pytest.mark.parametrize(
    "text",
    [
        "user,place,start,duration_min\nu,lyon,2024-01-01T12:01:00Z,9\n",
        "user;site;start;duration_s\nu;Lyon;2024-01-01T12:01:00Z;540\n",
        "user,place,at,end,age\nu,a1,2024-01-01T12:01:00Z,2024-01-01T13:10:00+01:00,40\n",
        "user,site,poi,start,duration_s\nu,lyon-old,,2024-01-01T12:01:00Z,540\n",
        "sep=|\nuser|place|start|duration_min\nu|A1|2024-01-01T12:01:00Z|9\n",
    ],
)
async def test_columns_have_many_names(tmp_path: Path, text: str) -> None:
    assert await read(tmp_path, text) == ([("u", 0, 1, 10)], [])


async def test_points_of_interest_are_places_too(tmp_path: Path) -> None:
    text = "user,site,poi,start,duration_s\nu,,station,2024-01-01T12:01:00Z,60\nu,lille,,2024-01-01T12:05:00Z,60\n"
    assert await read(tmp_path, text) == ([("u", 2, 1, 2), ("u", 1, 5, 6)], [])
    text = "user,poi,start,duration_s\nu,Port,2024-01-01T12:01:00Z,60\n"
    assert await read(tmp_path, text) == ([("u", 3, 1, 2)], [])


async def test_unknown_and_ambiguous_places_are_elsewhere(tmp_path: Path) -> None:
    text = "user,place,start,duration_min\nu,Twin,2024-01-01T12:01:00Z,9\nu,home,2024-01-01T12:01:00Z,9\n"
    rows, _ = await read(tmp_path, text)
    assert [place for _, place, _, _ in rows] == [-1, -1]


async def test_mapper_and_time_zones(tmp_path: Path) -> None:
    text = "Kunde,Laden,Beginn,Minuten\nu,lyon,2024-01-01 07:01,9\nu,lille,2024-01-01 13:01,9\n"
    mapper = {"user": "Kunde", "place": "Laden", "start": "Beginn", "duration_min": "Minuten"}
    rows, _ = await read(tmp_path, text, mapper=mapper, timezone="site")
    assert rows == [("u", 0, 1, 10), ("u", 1, 1, 10)]
    rows, _ = await read(tmp_path, text, mapper=mapper, timezone="America/New_York")
    assert rows == [("u", 0, 1, 10), ("u", 1, 361, 370)]


async def test_invalid_lines_are_left_out(tmp_path: Path) -> None:
    lines = [
        "user,place,start,end",
        "u,lyon,2024-01-01T12:01Z,",
        "u,lyon,soon,soon",
        "u,lyon,2024-01-01T12:01Z,2024-01-01T12:02Z",
    ]
    text = "\n".join(lines)
    rows, rejected = await read(tmp_path, text)
    assert (rows, rejected) == ([("u", 0, 1, 2)], [3])  # a visit that has no end is not invalid, but cannot be used


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("user,place,start\n", {}, "duration_s, duration_min or end"),
        ("user,start,end\n", {}, "place or site or poi"),
        ("user,place,start,end\n", {"mapper": {"shop": "place"}}, "no field 'shop'"),
        ("user,place,start,end\n", {"mapper": {"place": "shop"}}, "no column 'shop'"),
        ("user,place,start,end\n", {"timezone": "Paris"}, "Europe/Paris"),
        ("\n", {}, "names of its columns"),
    ],
)
async def test_files_that_cannot_be_read_say_why(
    tmp_path: Path, text: str, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refusal, match=message):
        await read(tmp_path, text, **options)


async def test_only_csv_is_read(tmp_path: Path) -> None:
    path = tmp_path / "visits.parquet"
    path.write_bytes(b"")
    with pytest.raises(Refusal, match=r"not CSV"):
        await read_visit_file(path, ReadOptions(), PlaceNames(SITES, POIS, IDS, "UTC"))
