"""Parses instants and days from whole columns of texts: RFC 3339 with an offset, and `YYYY-MM-DD`.

The texts of one length form a matrix of bytes, which is parsed column by column: all years, then all months, and so on.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.clock import DAY_MS
from okube_api.store.arrays import Flags, Ints

FIRST_YEAR, LAST_YEAR = 1970, 2099
_SHORTEST, _LONGEST = len("2019-03-28T09:25:15Z"), len("2019-03-28T09:25:15.123456789+00:00")
_DATE = len("2019-03-28")
_PLAIN_INSTANT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[Tt ](\d\d):(\d\d):(\d\d)(?:[Zz]|([+-])(\d\d):(\d\d))", re.ASCII)
_SECONDS_END, _OFFSET = len("2019-03-28T09:25:15"), len("+00:00")
_MINUTE_MS = 60_000
_FIRST_MS = 0
_HUGE_S = 10**15
_YEARS = range(FIRST_YEAR - 1, LAST_YEAR + 2)  # as written; the offset can move an instant into another year
_MONTHS = (
    np.arange(f"{_YEARS[0]}-01", f"{_YEARS[-1] + 1}-02", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
)
_LAST_MS = int(np.datetime64(f"{LAST_YEAR + 1}-01-01", "ms").astype(np.int64)) - 1

Bytes = NDArray[np.uint8]


def parse_instants(texts: pa.Array) -> tuple[Ints, Flags]:
    """Return instants in ms since 1970, rounded down, and which texts are valid; null is not valid."""
    at_ms, valid = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    for rows, characters in _to_matrices(texts, _SHORTEST, _LONGEST):
        for ends_with_z, zone_length in ((True, 1), (False, _OFFSET)):
            has_ending = np.isin(characters[-1], (ord("Z"), ord("z"))) == ends_with_z
            if has_ending.all():
                at_ms[rows], valid[rows] = _parse_instants(characters, zone_length)
                break
            if has_ending.any():
                columns = np.flatnonzero(has_ending)
                selected = columns if isinstance(rows, slice) else rows[columns]
                at_ms[selected], valid[selected] = _parse_instants(characters[:, columns], zone_length)
    return at_ms, valid


def parse_days(texts: pa.Array) -> tuple[Ints, Flags]:
    """Return days as ordinals (1 is 1970-01-01), and which texts are valid."""
    ordinals, valid = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    for rows, characters in _to_matrices(texts, _DATE, _DATE):
        dates, are_dates = _parse_dates(characters)
        ordinals[rows], valid[rows] = dates + 1, are_dates & (dates * DAY_MS <= _LAST_MS) & (dates >= 0)
    return ordinals, valid


def parse_instant(text: str) -> int | None:
    """Return an instant in ms since 1970, None when the text is not valid."""
    match = _PLAIN_INSTANT.fullmatch(text)
    if match is None:
        return _parse_other_instant(text)
    year, month, day, hour, minute, second = map(int, match.groups()[:6])
    sign, *offset = match.groups()[6:]
    offset_hours, offset_minutes = (int(digits or 0) for digits in offset)
    if offset_hours > 23 or offset_minutes > 59:
        return None
    try:
        local = datetime(year, month, day, hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    offset_ms = (offset_hours * 60 + offset_minutes) * _MINUTE_MS
    at_ms = int(local.timestamp()) * 1000 + (offset_ms if sign == "-" else -offset_ms)
    return at_ms if _FIRST_MS <= at_ms <= _LAST_MS else None


@lru_cache(maxsize=4096)
def _parse_other_instant(text: str) -> int | None:
    """Parse an instant with a fraction, or a text that is not valid, as a column of one row: that takes 0.1 ms."""
    at_ms, valid = parse_instants(pa.array([text], pa.string()))
    return int(at_ms[0]) if valid[0] else None


def convert_timestamps(column: pa.Array | pa.ChunkedArray) -> Ints:
    """Return Arrow timestamps of any unit in ms since 1970, rounded down; 0 for null, huge numbers stay huge."""
    numbers: Ints = pc.fill_null(column.cast(pa.int64()), 0).to_numpy()
    match column.type.unit:
        case "s":
            return np.clip(numbers, -_HUGE_S, _HUGE_S) * 1000
        case "ms":
            return numbers
        case "us":
            return numbers // 1000
        case _:
            return numbers // 1_000_000


def to_milliseconds(column: pa.ChunkedArray) -> Ints:
    """Return a column of instants, texts or Arrow timestamps, in ms since 1970; 0 for null and for invalid texts."""
    if pa.types.is_timestamp(column.type):
        return convert_timestamps(column)
    return parse_instants(column.combine_chunks())[0]


def mark_supported_years(at_ms: Ints) -> Flags:
    """Return which instants are in the supported years."""
    supported: Flags = (at_ms >= _FIRST_MS) & (at_ms <= _LAST_MS)
    return supported


def _to_matrices(texts: pa.Array, shortest: int, longest: int) -> Iterator[tuple[Ints | slice, Bytes]]:
    """Yield, for each length of texts, the rows that have it and the bytes of their texts: shape (length, rows)."""
    texts = texts.cast(pa.string())
    if len(texts) == 0:
        return
    _, ends, data = texts.buffers()
    offsets = np.frombuffer(ends, np.int32)[texts.offset : texts.offset + len(texts) + 1].astype(np.int64)
    characters = np.frombuffer(data, np.uint8) if data else np.empty(0, np.uint8)
    lengths = np.diff(offsets)
    if texts.null_count:
        lengths[texts.is_null().to_numpy(zero_copy_only=False)] = 0
    first = int(lengths[0])
    if shortest <= first <= longest and (lengths == first).all():
        matrix = characters[offsets[0] : offsets[-1]].reshape(-1, first)
        yield slice(None), np.ascontiguousarray(matrix.T)
        return
    for length in np.unique(lengths).tolist():
        if shortest <= length <= longest:
            rows = np.flatnonzero(lengths == length)
            yield rows, characters[offsets[rows] + np.arange(length)[:, None]]


def _parse_instants(characters: Bytes, zone_length: int) -> tuple[Ints, Flags]:
    """Return instants in ms since 1970, and which are valid.

    zone_length: the length of the ending, `Z` or `+01:00`.
    """
    date, valid = _parse_dates(characters[:_DATE])
    valid &= np.isin(characters[10], (ord("T"), ord("t"), ord(" ")))
    hour, minute, second = (_parse_number(characters[at : at + 2], valid) for at in (11, 14, 17))
    valid &= (characters[13] == ord(":")) & (characters[16] == ord(":"))
    valid &= (hour < 24) & (minute < 60) & (second < 60)
    fraction_ms = _parse_fraction(characters[_SECONDS_END:-zone_length], valid)
    at_ms = date * DAY_MS + ((hour * 60 + minute) * 60 + second) * 1000 + fraction_ms
    if zone_length == _OFFSET:
        at_ms -= _parse_offset(characters[-zone_length:], valid)
    valid &= mark_supported_years(at_ms)
    return at_ms, valid


def _parse_dates(characters: Bytes) -> tuple[Ints, Flags]:
    """Return days since 1970-01-01, and which are valid."""
    valid = (characters[4] == ord("-")) & (characters[7] == ord("-"))
    year, month, day = (_parse_number(characters[low:high], valid) for low, high in ((0, 4), (5, 7), (8, 10)))
    valid &= (month >= 1) & (month <= 12) & (day >= 1)
    valid &= (year >= _YEARS[0]) & (year <= _YEARS[-1])
    months = np.where(valid, (year - _YEARS[0]) * 12 + month - 1, 0)
    first = _MONTHS[months]
    valid &= day <= _MONTHS[months + 1] - first
    return first + day - 1, valid


# The functions below set `valid` to false where the characters are not valid.


def _parse_fraction(characters: Bytes, valid: Flags) -> Ints:
    """Return the milliseconds of fractions such as `.123456`, rounded down."""
    if len(characters) == 0:
        return np.zeros(characters.shape[1], np.int64)
    valid &= characters[0] == ord(".")
    if len(characters) == 1:
        valid &= False
    _parse_number(characters[1:], valid)
    digits = characters[1:4]
    fraction_ms: Ints = _parse_number(digits, valid) * 10 ** (3 - len(digits))
    return fraction_ms


def _parse_offset(characters: Bytes, valid: Flags) -> Ints:
    """Return the milliseconds of offsets such as `+01:00`."""
    valid &= np.isin(characters[0], (ord("+"), ord("-"))) & (characters[3] == ord(":"))
    hours, minutes = _parse_number(characters[1:3], valid), _parse_number(characters[4:6], valid)
    valid &= (hours < 24) & (minutes < 60)
    offset_ms: Ints = np.where(characters[0] == ord("-"), -1, 1) * (hours * 60 + minutes) * _MINUTE_MS
    return offset_ms


def _parse_number(digits: Bytes, valid: Flags) -> Ints:
    """Return numbers from their decimal digits, given as one row of characters per digit."""
    numbers = np.zeros(digits.shape[1], np.int64)
    for row in digits:
        digit = row - np.uint8(ord("0"))  # characters below "0" wrap around to large values
        valid &= digit < 10
        numbers *= 10
        numbers += digit
    return numbers
