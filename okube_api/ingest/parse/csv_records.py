"""Finds the records of CSV: a record spans several lines when a cell in quotes contains a line end."""

import csv
import re
from collections.abc import Iterator
from functools import lru_cache

import numpy as np

from okube_api.ingest.parse.line_blocks import MAX_LINE_BYTES, LineBlock

_MALFORMED = "Line is not valid CSV: a quoted cell has no closing quote, or has text after it."
_STRAY_QUOTE = "Line is not valid CSV: it has a quote in the middle of a cell and follows an invalid record."


class RecordCutter:
    """Cuts the lines of one file into records.

    A record is valid by RFC 4180.  If no valid record starts at a line, that line is malformed, and the next line is
    tried.  Of the further lines that the failed attempt read, those with a quote in the middle of a cell are malformed,
    too, because each may be the second half of a record.
    """

    def __init__(self, delimiter: str) -> None:
        self._delimiter = delimiter
        self._rest: LineBlock | None = None  # the beginning of a record that continues in the next lines

    def cut(self, lines: LineBlock, *, is_last: bool) -> LineBlock:
        """Return the records that end in these lines; the beginning of another one is kept for the next call.

        is_last: whether the file ends with these lines.
        """
        if self._rest is not None:
            lines = LineBlock(self._rest.data + lines.data, self._rest.first_line)
            self._rest = None
        if b'"' not in lines.data:
            return lines
        is_quote = np.frombuffer(lines.data, np.uint8) == ord('"')
        # Counts modulo 256, from which only their parity is needed: several times faster than other sums.
        odd = np.flatnonzero(np.add.reduceat(is_quote.view(np.uint8), lines.starts, dtype=np.uint8) % 2)
        if len(odd) == 0:  # every quote is closed in its line
            return lines
        is_end = np.ones(len(lines), np.bool_)
        malformed: dict[int, str] = {}  # by line
        after_record = after_failure = 0  # the line after the last valid record, and after the last failed attempt
        size = len(lines)
        for index in odd.tolist():
            if index < after_record or index in malformed:
                continue
            count, is_valid, is_complete = self._read_record(lines, index)
            if is_valid:
                after_record = index + count
                is_end[index : after_record - 1] = False
            elif not is_complete and not is_last:
                self._rest = lines.slice(index, size)
                size = index
                break
            elif count > 1:
                malformed[index] = _MALFORMED
                for line in range(max(index + 1, after_failure), index + count):
                    if _has_stray_quote(lines.get_line(line), self._delimiter):
                        malformed[line] = _STRAY_QUOTE
                after_failure = index + count
        if size == 0:
            return LineBlock(b"", lines.first_line)
        record_of_line = np.concatenate(([0], np.cumsum(is_end[:-1])))
        return LineBlock(
            lines.data[: int(lines.ends[size - 1]) + 1],
            lines.first_line,
            lines.ends[:size][is_end[:size]],
            {int(record_of_line[line]): reason for line, reason in malformed.items() if line < size},
        )

    def _read_record(self, lines: LineBlock, index: int) -> tuple[int, bool, bool]:
        """Read the record that starts at a line.

        Return the number of lines read, whether they are a record, and whether more lines could not make them one.
        """
        reader = csv.reader(_read_texts(lines, index), delimiter=self._delimiter, skipinitialspace=True, strict=True)
        try:
            next(reader)
        except csv.Error:
            bytes_read = int(lines.ends[index + reader.line_num - 1] - lines.starts[index])
            is_open = index + reader.line_num == len(lines) and bytes_read <= MAX_LINE_BYTES
            return reader.line_num, False, not is_open
        return reader.line_num, True, True


def _read_texts(lines: LineBlock, index: int) -> Iterator[str]:
    start = int(lines.starts[index])
    for line in range(index, len(lines)):
        if int(lines.ends[line]) - start > MAX_LINE_BYTES:
            return
        yield lines.data[int(lines.starts[line]) : int(lines.ends[line]) + 1].decode("utf-8", "replace")


def _has_stray_quote(line: bytes, delimiter: str) -> bool:
    return b'"' in _compile_quoted_cell(delimiter).sub(b"", line)


@lru_cache
def _compile_quoted_cell(delimiter: str) -> re.Pattern[bytes]:
    d = re.escape(delimiter.encode())
    return re.compile(rb'(?:(?<=%b)|^) *+"(?:[^"]++|"")*+" *+(?=%b|$)' % (d, d))


def strip_cells(data: bytes, delimiter: str) -> bytes:
    """Return records without blanks around their cells; blanks within quotes stay."""
    return _compile_cell(delimiter).sub(rb"\1\2\3", data) if _has_blanks(data, delimiter) else data


def _has_blanks(data: bytes, delimiter: str) -> bool:
    """Return whether a blank is next to a delimiter or a line end."""
    if b" " not in data:
        return False
    is_edge = np.zeros(256, np.bool_)
    is_edge[list(f"{delimiter}\r\n".encode())] = True
    padded = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    blanks = np.flatnonzero(padded == ord(" "))
    return bool((is_edge[padded[blanks - 1]] | is_edge[padded[blanks + 1]]).any())


@lru_cache
def _compile_cell(delimiter: str) -> re.Pattern[bytes]:
    """Return the pattern of a quoted cell (group 1) or a plain cell (group 2), and of its ending (group 3)."""
    d = re.escape(delimiter.encode())
    words = rb"[^%b\r\n ]*+(?: ++[^%b\r\n ]++)*+" % (d, d)
    return re.compile(rb' *+(?:("(?:[^"]++|"")*+") *+(?=[%b\r\n]|\Z)|(%b) *+)(%b|\r?\n|\r|\Z)' % (d, words, d))
