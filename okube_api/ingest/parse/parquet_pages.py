"""Reads the headers of the pages of Parquet files, to know the size of a column before it is decoded.

The library decodes what the headers say, and a page of a few bytes can become gigabytes: one long text in a dictionary
that a million rows refer to, texts that repeat the text before them, or a page that says that it is large.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, BinaryIO

from okube_api.errors import BadRequest

if TYPE_CHECKING:
    from pyarrow.parquet import ColumnChunkMetaData

MAX_COLUMN_PAGES = 100_000
_HEADER_BYTES, _MAX_HEADER_BYTES = 256, 65_536
_OLD_PADDING_BYTES = 100  # by which the library reads beyond columns that old writers made
_MAX_NESTING = 4

_PLAIN_DICTIONARY, _DELTA_BYTE_ARRAY, _RLE_DICTIONARY = 2, 7, 8
_PAGE_TYPE, _PLAIN_BYTES, _STORED_BYTES = 1, 2, 3  # fields of each header
_VALUES, _ENCODING = 1, 2  # fields of the part that depends on the type
_V2_ENCODING = 4


class _PageType(IntEnum):
    DATA, INDEX, DICTIONARY, DATA_V2 = range(4)


_PARTS = {_PageType.DATA: 5, _PageType.DICTIONARY: 7, _PageType.DATA_V2: 8}
"""Field of the part of a header that depends on the type of the page."""


@dataclass(frozen=True, slots=True)
class ColumnSize:
    """Size of the part of a column that is in one row group.

    page_bytes: of its largest page, decompressed.
    dictionary_bytes, dictionary_values: of its dictionary, decompressed; 0 without a dictionary.
    row_bytes: at most so many bytes of texts has a row on average, however rows are chosen; those that refer to the
        dictionary are not included.
    """

    page_bytes: int
    dictionary_bytes: int
    dictionary_values: int
    row_bytes: float


def measure_column(file: BinaryIO, column: "ColumnChunkMetaData") -> ColumnSize:
    """Return the size of a column in a row group, by the headers of its pages.  Raise BadRequest."""
    start, end = _find_range(column)
    page_bytes = dictionary_bytes = dictionary_values = 0
    row_bytes = 0.0
    values = pages = 0
    has_dictionary_pages: bool | None = None  # None before the first data page
    while values < column.num_values and start < end:
        header, header_bytes = _read_header(file, start)
        plain, stored = _get_number(header, _PLAIN_BYTES), _get_number(header, _STORED_BYTES)
        start += header_bytes + stored
        pages += 1
        if pages > MAX_COLUMN_PAGES:
            raise BadRequest(f"The Parquet file has more than {MAX_COLUMN_PAGES:,} pages in a column of a row group.")
        kind = _get_number(header, _PAGE_TYPE)
        if kind not in _PARTS:
            continue
        part = header.get(_PARTS[_PageType(kind)])
        if not isinstance(part, dict):
            raise _invalid_header()
        count = _get_number(part, _VALUES)
        size = max(plain, stored)
        if kind == _PageType.DICTIONARY:
            if pages > 1:
                raise _invalid_header()
            dictionary_bytes, dictionary_values = size, count
            continue
        values += count
        page_bytes = max(page_bytes, size)
        encoding = _get_number(part, _V2_ENCODING if kind == _PageType.DATA_V2 else _ENCODING)
        if encoding in (_PLAIN_DICTIONARY, _RLE_DICTIONARY):
            if has_dictionary_pages is False:
                raise _invalid_header()
            has_dictionary_pages = True
            continue
        has_dictionary_pages = has_dictionary_pages or False
        # A text of this encoding can repeat all of the text before it, without taking space itself.
        row_bytes = max(row_bytes, size if encoding == _DELTA_BYTE_ARRAY else size / max(count, 1))
    return ColumnSize(page_bytes, dictionary_bytes, dictionary_values, row_bytes)


def _find_range(column: "ColumnChunkMetaData") -> tuple[int, int]:
    """Return where the pages start and end, as the library finds it."""
    start = column.data_page_offset
    if column.has_dictionary_page and 0 < column.dictionary_page_offset < start:
        start = column.dictionary_page_offset
    if start < 0 or column.total_compressed_size < 0 or column.num_values < 0:
        raise _invalid_header()
    return start, start + column.total_compressed_size + _OLD_PADDING_BYTES


def _get_number(fields: dict[int, Any], number: int) -> int:
    value = fields.get(number)
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise _invalid_header()
    return value


def _invalid_header() -> BadRequest:
    return BadRequest("The file cannot be read as Parquet: the header of a page is not valid.")


# -- Thrift's compact protocol, in which headers are written -----------------------------------------------------------


def _read_header(file: BinaryIO, start: int) -> tuple[dict[int, Any], int]:
    """Return the fields of the header that starts at an offset, and its size in bytes."""
    size = _HEADER_BYTES
    while size <= _MAX_HEADER_BYTES:
        file.seek(start)
        data = file.read(size)
        try:
            return _read_struct(data, 0, 0)
        except IndexError:
            if len(data) < size:
                break
            size *= 4
    raise _invalid_header()


def _read_struct(data: bytes, at: int, depth: int) -> tuple[dict[int, Any], int]:
    """Return the numbers and structs of a struct by their field, and the offset after it.

    Raise IndexError when the data ends before the struct.
    """
    if depth > _MAX_NESTING:
        raise _invalid_header()
    fields: dict[int, Any] = {}
    number = 0
    while (byte := data[at]) != 0:
        at += 1
        if byte >> 4:
            number += byte >> 4
        else:
            value, at = _read_varint(data, at)
            number = value >> 1 ^ -(value & 1)
        if number in fields or not 0 < number < 2**15:
            raise _invalid_header()
        fields[number], at = _read_value(data, at, byte & 15, depth)
    return fields, at + 1


def _read_value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    match kind:
        case 1 | 2:  # true and false
            return None, at
        case 4 | 5 | 6:  # integers of 16 to 64 bits
            value, at = _read_varint(data, at)
            return value >> 1 ^ -(value & 1), at
        case 3:
            return None, at + 1
        case 7:
            return None, at + 8
        case 8:  # bytes
            size, at = _read_varint(data, at)
            return None, at + size
        case 12:
            return _read_struct(data, at, depth + 1)
        case _:
            raise _invalid_header()  # headers of pages have no lists and maps


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while (byte := data[at]) & 0x80:
        value |= (byte & 0x7F) << shift
        shift += 7
        at += 1
        if shift > 63:
            raise _invalid_header()
    return value | byte << shift, at + 1
