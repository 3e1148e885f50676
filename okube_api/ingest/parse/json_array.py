"""JSON arrays of events, rewritten as lines of JSON while they arrive."""

import numpy as np
import numpy.typing as npt

from okube_api.errors import BadRequest

_SPACES = b" \t\r\n"
_MAX_BLANKS = 2**20
_QUOTE, _BACKSLASH, _COMMA, _SPACE, _LINE_FEED = b'"\\, \n'
_OPENING, _CLOSING = list(b"[{"), list(b"]}")


class ArrayLines:
    """Rewrites a JSON array as one line for each element; a text that is no array stays as it is.

    It reads quotes, brackets and commas only: whether an element is valid, the parser of the lines decides.
    """

    def __init__(self) -> None:
        self._is_array: bool | None = None  # None until the first byte that is no space
        self._is_started = False
        self._blanks = b""  # before the first byte that is no space
        self._backslashes = 0  # how many there were at the end of the last bytes, modulo 2
        self._depth = 0  # open brackets, that of the array included
        self._in_text = False
        self._last = b""  # the last byte of the lines

    @property
    def is_array(self) -> bool | None:
        """Whether the text is an array; None while it has only blanks."""
        return self._is_array

    def feed(self, data: bytes) -> bytes:
        """Return the next bytes of the lines.  Raise BadRequest when the array ends too early or lacks an element."""
        if self._is_array is None:
            start = data.lstrip(_SPACES)
            if not start:
                self._blanks += data
                if len(self._blanks) > _MAX_BLANKS:
                    raise BadRequest(f"The JSON array must not follow more than {_MAX_BLANKS:,} blanks.")
                return b""
            self._is_array = start.startswith(b"[")
            data = start if self._is_array else self._blanks + data
        if not self._is_array:
            return data
        return self._split(np.frombuffer(data, np.uint8)) if data else b""

    def end(self) -> bytes:
        """Return the last bytes of the lines.  Raise BadRequest when the array is not complete."""
        if self._is_array is None:
            return self._blanks
        if not self._is_array:
            return b""
        if self._depth:
            raise BadRequest("The JSON array is incomplete: its closing bracket is missing.")
        if self._last == b"\n":
            raise BadRequest("The JSON array has a comma without an element after it.")
        return b""

    def _split(self, data: npt.NDArray[np.uint8]) -> bytes:
        # A quote after an odd number of backslashes is part of a text.
        positions = np.arange(len(data))
        before = -1 - self._backslashes
        last_other = np.maximum.accumulate(np.where(data == _BACKSLASH, before, positions))
        backslashes = np.concatenate(([self._backslashes], positions[:-1] - last_other[:-1]))
        quotes = (data == _QUOTE) & (backslashes % 2 == 0)
        in_text = (np.cumsum(quotes) + self._in_text) % 2 == 1

        opening = np.isin(data, _OPENING) & ~in_text
        closing = np.isin(data, _CLOSING) & ~in_text
        depth = self._depth + np.cumsum(opening.astype(np.int64) - closing)
        depth_before = np.concatenate(([self._depth], depth[:-1]))
        is_space = np.isin(data, list(_SPACES)) & ~in_text
        is_outside = (depth_before <= 0) & ~is_space
        is_outside[0] &= self._is_started  # the bracket that opens the array
        if is_outside.any():
            raise BadRequest("The JSON array is followed by something else.")

        lines = data.copy()
        lines[is_space] = _SPACE
        lines[(data == _COMMA) & ~in_text & (depth == 1)] = _LINE_FEED
        own_brackets = (opening & (depth == 1)) | (closing & (depth == 0))
        result: bytes = lines[~own_brackets & ~(is_space & (depth <= 1))].tobytes()
        if b"\n\n" in self._last + result or (not self._last and result.startswith(b"\n")):
            raise BadRequest("The JSON array has a comma without an element before it.")
        self._backslashes = (len(data) - 1 - int(last_other[-1])) % 2
        self._is_started, self._depth, self._in_text = True, int(depth[-1]), bool(in_text[-1])
        self._last = result[-1:] or self._last
        return result
