"""Instants and days read from whole columns of texts: RFC 3339, with an offset, and `YYYY-MM-DD`.

Texts of one length are a matrix of bytes, read column by column.
"""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from okube_api.clock import DAY_MS
from okube_api.store.arrays import Flags, Ints

FIRST_YEAR, LAST_YEAR = 1970, 2099
_SHORTEST, _LONGEST = len("2019-03-28T09:25:15Z"), len("2019-03-28T09:25:15.123456789+00:00")
_DATE = len("2019-03-28")
_SECONDS_END, _OFFSET = len("2019-03-28T09:25:15"), len("+00:00")
_MINUTE_MS = 60_000
_FIRST_MS = 0
_YEARS = range(FIRST_YEAR - 1, LAST_YEAR + 2)  # as they are written: an offset can make another one of it
_MONTHS = (
    np.arange(f"{_YEARS[0]}-01", f"{_YEARS[-1] + 1}-02", dtype="datetime64[M]").astype("datetime64[D]").astype(np.int64)
)
_LAST_MS = int(np.datetime64(f"{LAST_YEAR + 1}-01-01", "ms").astype(np.int64)) - 1

Bytes = NDArray[np.uint8]


def parse_instants(texts: pa.Array) -> tuple[Ints, Flags]:
    """Milliseconds since 1970 of instants (fractions cut off), and which texts are one; null is none."""
    found, valid = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    for rows, characters in _matrices(texts, _SHORTEST, _LONGEST):
        for ends_with_z in (True, False):
            mine = np.isin(characters[-1], (ord("Z"), ord("z"))) == ends_with_z
            if mine.all():
                found[rows], valid[rows] = _instants(characters, 1 if ends_with_z else _OFFSET)
                break
            if mine.any():
                some = np.flatnonzero(mine)
                at = some if isinstance(rows, slice) else rows[some]
                found[at], valid[at] = _instants(characters[:, some], 1 if ends_with_z else _OFFSET)
    return found, valid


def parse_days(texts: pa.Array) -> tuple[Ints, Flags]:
    """Ordinals (1 is 1970-01-01) of days, and which texts are one."""
    found, valid = np.zeros(len(texts), np.int64), np.zeros(len(texts), np.bool_)
    for rows, characters in _matrices(texts, _DATE, _DATE):
        date, correct = _dates(characters)
        found[rows], valid[rows] = date + 1, correct & (date * DAY_MS <= _LAST_MS) & (date >= 0)
    return found, valid


def parse_instant(text: str) -> int | None:
    """Milliseconds since 1970 of an instant, None when the text is none."""
    found, valid = parse_instants(pa.array([text], pa.string()))
    return int(found[0]) if valid[0] else None


def convert_timestamps(column: pa.Array | pa.ChunkedArray) -> Ints:
    """Milliseconds since 1970 of instants with a zone; 0 for null."""
    found: Ints = (
        pc.fill_null(column.cast(pa.timestamp("us", "UTC"), safe=False).cast(pa.int64()), 0).to_numpy() // 1000
    )
    return found


def to_milliseconds(column: pa.ChunkedArray) -> Ints:
    """Since 1970, of instants as texts or as such with a zone; 0 for null and for texts that are none."""
    return convert_timestamps(column) if pa.types.is_timestamp(column.type) else parse_instants(column.combine_chunks())[0]


def mark_supported_years(at_ms: Ints) -> Flags:
    """Whether instants lie in the years that are taken."""
    found: Flags = (at_ms >= _FIRST_MS) & (at_ms <= _LAST_MS)
    return found


def _matrices(texts: pa.Array, shortest: int, longest: int) -> Iterator[tuple[Ints | slice, Bytes]]:
    """The texts of each length: their numbers, and their bytes, shape (length, texts)."""
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
        whole = characters[offsets[0] : offsets[-1]].reshape(-1, first)
        yield slice(None), np.ascontiguousarray(whole.T)
        return
    for length in np.unique(lengths).tolist():
        if shortest <= length <= longest:
            rows = np.flatnonzero(lengths == length)
            yield rows, characters[offsets[rows] + np.arange(length)[:, None]]


def _instants(characters: Bytes, tail: int) -> tuple[Ints, Flags]:
    """Instants whose zone has so many characters."""
    date, valid = _dates(characters[:_DATE])
    valid &= np.isin(characters[10], (ord("T"), ord("t"), ord(" ")))
    hour, minute, second = (_number(characters[at : at + 2], valid) for at in (11, 14, 17))
    valid &= (characters[13] == ord(":")) & (characters[16] == ord(":"))
    valid &= (hour < 24) & (minute < 60) & (second < 60)
    ms = ((hour * 60 + minute) * 60 + second) * 1000 + _fraction(characters[_SECONDS_END:-tail], valid)
    found = date * DAY_MS + ms
    if tail == _OFFSET:
        found -= _offset(characters[-tail:], valid)
    valid &= mark_supported_years(found)
    return found, valid


def _dates(characters: Bytes) -> tuple[Ints, Flags]:
    """Days since 1970-01-01."""
    valid = (characters[4] == ord("-")) & (characters[7] == ord("-"))
    year, month, day = (_number(characters[low:high], valid) for low, high in ((0, 4), (5, 7), (8, 10)))
    valid &= (month >= 1) & (month <= 12) & (day >= 1)
    valid &= (year >= _YEARS[0]) & (year <= _YEARS[-1])
    months = np.where(valid, (year - _YEARS[0]) * 12 + month - 1, 0)
    first = _MONTHS[months]
    valid &= day <= _MONTHS[months + 1] - first
    return first + day - 1, valid


def _fraction(characters: Bytes, valid: Flags) -> Ints:
    """Milliseconds of `.123456`, cut off."""
    if len(characters) == 0:
        return np.zeros(characters.shape[1], np.int64)
    valid &= characters[0] == ord(".")
    if len(characters) == 1:
        valid &= False
    _number(characters[1:], valid)
    thousandths = _number(characters[1:4], valid)
    found: Ints = thousandths * 10 ** (3 - len(characters[1:4]))
    return found


def _offset(characters: Bytes, valid: Flags) -> Ints:
    """Milliseconds of `+01:00`."""
    valid &= np.isin(characters[0], (ord("+"), ord("-"))) & (characters[3] == ord(":"))
    hours, minutes = _number(characters[1:3], valid), _number(characters[4:6], valid)
    valid &= (hours < 24) & (minutes < 60)
    found: Ints = np.where(characters[0] == ord("-"), -1, 1) * (hours * 60 + minutes) * _MINUTE_MS
    return found


def _number(digits: Bytes, valid: Flags) -> Ints:
    """The numbers that rows of digits make; `valid` becomes false where one is no digit."""
    found = np.zeros(digits.shape[1], np.int64)
    for row in digits:
        digit = row - np.uint8(ord("0"))  # what lies below wraps around
        valid &= digit < 10
        found *= 10
        found += digit
    return found
