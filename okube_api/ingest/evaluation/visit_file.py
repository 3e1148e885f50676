"""Reads a file of true visits, in memory only: CSV of users, places, starts, and durations or ends."""

import csv
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from okube_api.errors import BadRequest
from okube_api.ingest.columns.columns import to_integers
from okube_api.ingest.columns.timestamps import to_milliseconds
from okube_api.ingest.load.file_blocks import open_blocks, open_event_file
from okube_api.ingest.parse.codecs import Format, create_decoder
from okube_api.ingest.parse.read_options import ReadOptions
from okube_api.ingest.parse.text import RejectedLine
from okube_api.ingest.parse.transcoding import Transcoder
from okube_api.kit.headers import MAX_HEADER_CHARACTERS, find_separator, guess_delimiter
from okube_api.store.arrays import Ints

COLUMN_NAMES: Mapping[str, tuple[str, ...]] = {
    "user": ("user",),
    "place": ("place", "site", "poi"),
    "start": ("start", "at"),
    "duration_s": ("duration_s",),
    "duration_min": ("duration_min",),
    "end": ("end",),
}
"""By field of a visit, the names of columns that have it where the mapper names none; the first that exists counts."""

_DURATIONS = {"duration_s": "s", "duration_min": "min"}

Document = Mapping[str, Any]


class PlaceNames:
    """Finds places by id, key or name: an id counts more than a key, a key more than a name, a site more than a POI."""

    def __init__(self, sites: Sequence[Document], pois: Sequence[Document], ids: Sequence[str], timezone: str) -> None:
        """ids: the ids of all places; a place is found as its index there.  timezone: of places without one."""
        number_of = {place: number for number, place in enumerate(ids)}
        places = [*pois, *sites]  # of equal names, the last counts
        counts = Counter(place.get("name") for place in places)
        names = {place["name"]: place for place in places if place.get("name") and counts[place["name"]] == 1}
        keys = {key: place for place in places for key in place.get("names") or [place.get("key")] if key}
        self._numbers = {name: number_of[place["_id"]] for name, place in (names | keys).items()} | number_of
        self._zones = {place["_id"]: place.get("timezone") or timezone for place in places}
        self._ids = ids

    def find(self, name: str) -> int:
        """Return the index of a place, -1 when no place or more than one has this name."""
        return self._numbers.get(name, self._numbers.get(name.lower(), -1))

    def find_zone(self, field: str, name: str) -> str:  # noqa: ARG002 - as in `ZoneLookup`
        """Return the time zone of a place, UTC when there is no such place."""
        number = self.find(name)
        return "UTC" if number < 0 else self._zones[self._ids[number]]


@dataclass(frozen=True, slots=True, eq=False)
class SentVisits:
    """The visits of a file, one element per valid line.

    user: as sent.  place: index of the place, -1 where the file names a place that the application does not have.
    rejected: the lines that are not valid.
    """

    user: pa.ChunkedArray
    place: Ints
    start_ms: Ints
    end_ms: Ints
    rejected: Sequence[RejectedLine]


async def read_visit_file(path: Path, options: ReadOptions, places: PlaceNames) -> SentVisits:
    """Return the visits of a file.

    options: as of a file of events; the mapper names the columns of the fields of `COLUMN_NAMES`.
    Raise BadRequest or another Refusal when the file cannot be read.
    """
    kind, event_options = await _choose_columns(path, options)
    event_options.check(kind)
    file = await open_event_file(path, event_options)
    blocks: list[pa.Table] = []
    rejected: list[RejectedLine] = []
    async with open_blocks(kind, file, places) as file_blocks:
        async for block in file_blocks:
            rejected += block.parsed.rejected
            blocks.append(block.parsed.rows)
    rows = pa.concat_tables(blocks)
    start_ms = to_milliseconds(rows["start" if kind == "stays" else "at"])
    if kind == "stays":
        end_ms, has_end = start_ms + to_integers(rows["duration_s"]) * 1000, np.ones(len(rows), np.bool_)
    else:
        end_ms, has_end = to_milliseconds(rows["end"]), rows["end"].is_valid().to_numpy()
    return SentVisits(
        rows["user"].filter(pa.array(has_end)),
        _find_places(rows, places)[has_end],
        start_ms[has_end],
        end_ms[has_end],
        rejected,
    )


def _find_places(rows: pa.Table, places: PlaceNames) -> Ints:
    """Return the index of the place of each row."""
    names = rows["site"]
    if "poi" in rows.column_names:
        names = pa.compute.coalesce(names, rows["poi"])
    encoded = names.combine_chunks().dictionary_encode()
    numbers = np.array([places.find(name) for name in encoded.dictionary.to_pylist()], np.int64)
    result: Ints = numbers[encoded.indices.to_numpy()]
    return result


async def _choose_columns(path: Path, options: ReadOptions) -> tuple[str, ReadOptions]:
    """Return the kind of events as which a file of visits is read, and the options with the columns of its fields.

    Files with durations have the fields of stays, files with ends those of visits.
    """
    names, delimiter = await _read_header(path, options)
    if unknown := [field for field in options.mapper if field not in COLUMN_NAMES]:
        raise BadRequest(f"--mapper: Visits have no field '{unknown[0]}'. Use one of {', '.join(COLUMN_NAMES)}.")
    for field, column in options.mapper.items():
        if column not in names:
            raise BadRequest(f"The file has no column '{column}', which --mapper {field}={column} names.")
    columns = {
        field: options.mapper.get(field) or next((name for name in known if name in names), "")
        for field, known in COLUMN_NAMES.items()
    }
    for field in ("user", "place", "start"):
        if not columns[field]:
            expected = " or ".join(COLUMN_NAMES[field])
            raise BadRequest(f"The file has no column {expected}. Name it with --mapper {field}=COLUMN.")
    given = [field for field in (*_DURATIONS, "end") if columns[field]]
    if not given:
        raise BadRequest("The file has no column duration_s, duration_min or end. Name one: --mapper end=COLUMN.")
    mapper = {"user": columns["user"], "site": columns["place"]}
    if (unit := _DURATIONS.get(given[0])) is None:
        mapper |= {"at": columns["start"], "end": columns["end"]}
        return "visits", replace(options, delimiter=delimiter, mapper=mapper)
    mapper |= {"start": columns["start"], "duration_s": columns[given[0]]}
    if columns["place"] == "site" and "poi" in names:
        mapper["poi"] = "poi"
    units = {"duration_s": unit}
    return "stays", replace(options, delimiter=delimiter, mapper=mapper, units=units)


async def _read_header(path: Path, options: ReadOptions) -> tuple[list[str], str]:
    """Return the names of the columns of a CSV file, and its delimiter."""
    file = await open_event_file(path, options)
    if file.format is not Format.CSV:
        raise BadRequest(f"'{path.name}' is not CSV. Give the visits as .csv, also compressed as .csv.gz or .csv.zst.")
    decoder, transcoder = create_decoder(file.encoding), Transcoder(options.codec)
    text = b""
    async for data in file.chunks:
        text += b"".join(transcoder.feed(piece) for piece in decoder.feed(data))
        if len(text) > MAX_HEADER_CHARACTERS:
            break
    else:
        text += transcoder.end()
    expected = [name for names in COLUMN_NAMES.values() for name in names] + list(options.mapper.values())
    delimiter = options.delimiter
    for line in text[:MAX_HEADER_CHARACTERS].decode("utf-8", "replace").split("\n"):
        if (separator := find_separator(line)) is not None:
            delimiter = delimiter or separator
        elif line.strip(' ,;\t|"'):
            delimiter = delimiter or guess_delimiter(line, expected)
            cells = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
            return [cell.strip() for cell in cells], delimiter
    raise BadRequest(f"'{path.name}' has no line with the names of its columns.")
