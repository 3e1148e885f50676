"""Reads the first rows of a file of any format as an ingest or an import would read them."""

import csv
import re
import unicodedata
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from io import StringIO
from itertools import chain, islice
from typing import Any, BinaryIO

import orjson

from okube_api.errors import Impossible
from okube_api.ingest.parse.codecs import Format
from okube_api.ingest.parse.csv_parser import read_header
from okube_api.ingest.parse.csv_records import RecordCutter, strip_cells
from okube_api.ingest.parse.json_array import ArrayLines
from okube_api.ingest.parse.line_blocks import LineBlock
from okube_api.ingest.parse.parquet import read_first_rows
from okube_api.ingest.parse.row_checks import EMPTY_CELLS, InvalidLine, parse_json_line
from okube_api.ingest.parse.transcoding import BYTE_ORDER_MARKS, Transcoder
from okube_api.kit.encodings import find_codec
from okube_api.kit.headers import (
    MAX_COLUMNS,
    MAX_TITLE_LINES,
    NO_HEADER,
    describe_excess_columns,
    find_duplicate,
    find_likely_header,
)
from okube_api.tables.formula_marks import remove_mark
from okube_api.tables.workbook import OLD_MARK, ZIP_MARK, open_sheet

HEAD_BYTES = 2**20
"""How much of a text is read."""
MAX_ROWS = 1000
"""How many rows the guesses are made from."""

_PARQUET_MARK = b"PAR1"
_ENCODINGS = ("windows-1252", "mac-roman", "cp850")
_MIN_TEXT_BYTES = 4


@dataclass(frozen=True, slots=True)
class FileHead:
    """The first rows of a file.

    encoding: of a text.  delimiter: of CSV.  sheet, sheets: the sheet of a workbook that was read, and all of them.
    names: of the columns, without those that have no name.
    rows: the cells, texts of CSV and values of JSON; None where there is no value.
    """

    format: Format
    names: Sequence[str]
    rows: Sequence[Sequence[Any]]
    encoding: str | None = None
    delimiter: str | None = None
    sheet: str | None = None
    sheets: Sequence[str] = field(default_factory=list)


def read_file_head(
    file: BinaryIO,
    *,
    expected: Collection[str],
    encoding: str | None = None,
    delimiter: str | None = None,
    sheet: str | None = None,
    is_partial: bool = False,
) -> FileHead:
    """Return the first rows of a file, whose first bytes tell its format.

    expected: names of columns that the file may have, by which the delimiter is chosen.
    encoding, delimiter, sheet: those that the sender gives; else they are guessed.
    is_partial: whether the file is only the beginning of a longer one.
    Raise Impossible, BadRequest or TooLarge when the file cannot be read.
    """
    start = file.read(HEAD_BYTES + 1)
    if start.startswith(_PARQUET_MARK):
        if is_partial:
            raise Impossible("Send the whole Parquet file: its columns are described at its end.")
        return _read_parquet_head(file)
    if start.startswith((ZIP_MARK, OLD_MARK)):
        if is_partial:
            raise Impossible("Send the whole workbook: its parts are listed at its end.")
        return _read_workbook_head(file, sheet, expected)
    if len(start) > HEAD_BYTES:
        start, is_partial = start[:HEAD_BYTES], True
    encoding = _find_mark(start) or encoding or guess_encoding(start)
    transcoder = Transcoder(find_codec(encoding))
    text = transcoder.feed(start) + transcoder.end()
    if is_partial and b"\n" in text:
        text = text[: text.rindex(b"\n") + 1]
    first = text.lstrip()[:1]
    if first in (b"[", b"{"):
        return _read_json_head(text, encoding, is_array=first == b"[")
    return _read_csv_head(text, encoding, delimiter, expected, is_partial=is_partial)


# -- encodings ---------------------------------------------------------------------------------------------------------


def _find_mark(start: bytes) -> str | None:
    """Return the encoding that a byte-order mark says."""
    codec = next((codec for mark, codec in BYTE_ORDER_MARKS.items() if start.startswith(mark)), None)
    return "utf-16" if codec is not None and codec.startswith("utf-16") else codec


def guess_encoding(start: bytes) -> str:
    """Return the encoding of a text by its first bytes: UTF-8, UTF-16, or one of those of Western Europe."""
    try:
        start.decode("utf-8")
    except UnicodeDecodeError as error:
        if error.start >= len(start) - _MIN_TEXT_BYTES and error.reason == "unexpected end of data":
            return "utf-8"  # the last character is cut
    else:
        return "utf-16" if b"\0" in start[:100] else "utf-8"
    if b"\0" in start[:100]:
        return "utf-16"
    return max(_ENCODINGS, key=lambda encoding: _count_letters(start, encoding))


def _count_letters(start: bytes, encoding: str) -> int:
    """Return how many plausible letters of Western languages a text has in an encoding, less other characters.

    ASCII is not counted.  Two encodings may both make letters of the same bytes: `Zoé`, a dash and `Lille` of Windows
    are `ZoÈ ñ Lille` on a Mac.  So a letter also has to be plausible where it is.
    """
    text = f" {start.decode(encoding, 'replace')} "
    score = 0
    for match in _BEYOND_ASCII.finditer(text):
        character = match[0]
        if character in _LETTERS:
            score += 1 if _is_plausible(text[match.start() - 1], character, text[match.end()]) else -1
        elif unicodedata.category(character) in ("Cn", "Cc", "So", "Sm", "Lo"):
            score -= 1
    return score


def _is_plausible(before: str, character: str, after: str) -> bool:
    """Return whether a letter fits its neighbours: it is in a word, and no capital after a small letter."""
    if not character.isalpha():
        return True
    is_in_word = before.isalpha() or after.isalpha() or character in "àÀ"
    return is_in_word and not (character.isupper() and before.islower())


_BEYOND_ASCII = re.compile(r"[^\x00-\x7f]")
_LETTERS = frozenset("àâäçéèêëîïôöùûüÿœæÀÂÄÇÉÈÊËÎÏÔÖÙÛÜŒÆáíóúñÁÍÓÚÑßãõåøÅØ°€\u2019«»\u00a0")


# -- texts -------------------------------------------------------------------------------------------------------------


def _read_csv_head(
    text: bytes, encoding: str, delimiter: str | None, expected: Collection[str], *, is_partial: bool
) -> FileHead:
    header, rest = read_header(LineBlock(text, 1), delimiter, expected, find_likely_header)
    if header.text is None or header.delimiter is None:
        raise Impossible(NO_HEADER)
    _check_names(header.names)
    positions = [index for index, name in enumerate(header.names) if name]
    records = RecordCutter(header.delimiter).cut(rest, is_last=not is_partial)
    rows: list[list[Any]] = []
    for index in map(int, records.nonempty):
        if index in records.malformed or len(rows) == MAX_ROWS:
            continue
        line = strip_cells(records.get_line(index), header.delimiter).decode("utf-8", "replace")
        try:
            cells: list[str] = next(csv.reader([line], delimiter=header.delimiter, strict=True), [])
        except csv.Error:
            continue
        if any(cells):
            cells += [""] * (len(header.names) - len(cells))
            rows.append([_read_cell(cells[position]) for position in positions])
    names = [header.names[position] for position in positions]
    return FileHead(Format.CSV, names, rows, encoding, header.delimiter)


def _read_cell(cell: str) -> str | None:
    return None if cell in EMPTY_CELLS else remove_mark(cell)


def _check_names(names: Sequence[str]) -> None:
    if (duplicate := find_duplicate(names)) is not None:
        raise Impossible(f"Duplicate column '{duplicate[:100]}' in the header.")


def _read_json_head(text: bytes, encoding: str, *, is_array: bool) -> FileHead:
    if is_array:
        text = ArrayLines().feed(text)
    lines = LineBlock(text, 1)
    events = []
    for index in map(int, lines.nonempty[:MAX_ROWS]):
        try:
            events.append(parse_json_line(lines.get_line(index)))
        except InvalidLine:
            continue
    if not events:
        raise Impossible("No line is a JSON object. Send an array of objects, or one object per line.")
    names = list(dict.fromkeys(name for event in events for name in event))[:MAX_COLUMNS]
    rows = [[_to_scalar(event.get(name)) for name in names] for event in events]
    return FileHead(Format.JSON if is_array else Format.NDJSON, names, rows, encoding)


def _to_scalar(value: Any) -> Any:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else value


def _read_workbook_head(file: BinaryIO, sheet_name: str | None, expected: Collection[str]) -> FileHead:
    sheet = open_sheet(file, sheet_name)
    rows = (row for row in sheet.rows if any(row))
    first_rows = list(islice(rows, MAX_TITLE_LINES))
    position = find_likely_header([_format_row(row) for row in first_rows], expected, ";")
    names = [_strip_name(cell) for cell in first_rows[position]] if first_rows else []
    following_rows = chain(first_rows[position + 1 :], rows)
    if excess := describe_excess_columns(names):
        raise Impossible(excess)
    _check_names(names)
    positions = [index for index, name in enumerate(names) if name]
    cells = [
        [_read_cell(row[position].strip(" ")) for position in positions] for row in islice(following_rows, MAX_ROWS)
    ]
    names = [names[position] for position in positions]
    return FileHead(Format.XLSX, names, cells, sheet=sheet.name, sheets=sheet.names)


def _format_row(row: Sequence[str]) -> str:
    text = StringIO()
    csv.writer(text, delimiter=";", lineterminator="").writerow(row)
    return text.getvalue()


def _strip_name(cell: str) -> str:
    return remove_mark(cell.strip())


def _read_parquet_head(file: BinaryIO) -> FileHead:
    names, events = read_first_rows(file, MAX_ROWS)
    return FileHead(Format.PARQUET, names, [[event.get(name) for name in names] for event in events])
