"""Encodings of text files: their names in the API, and the Python codec of each."""

import codecs
import re
from typing import Literal

from okube_api.errors import UnsupportedMedia

Encoding = Literal["utf8", "iso-8859-1", "windows-1252"]
"""The encodings of exports."""

CODECS = {"utf8": "utf-8", "iso-8859-1": "iso-8859-1", "windows-1252": "cp1252"}

_SUPPORTED = re.compile(r"utf-8|utf-8-sig|ascii|iso8859-\d+|cp125\d|cp437|cp85\d|mac-roman|utf-16(?:-le|-be)?")
_CONTROL = re.compile("[\x80-\x9f\ufffd]")  # characters of windows-1252 in ISO 8859-1; what no codec could decode
_CONFUSIONS = (("cp1252", "utf-8"), ("iso-8859-1", "utf-8"), ("utf-16-le", "ascii"), ("utf-16-be", "ascii"))


def find_codec(name: str) -> str:
    """Return the codec of an encoding by any of its usual names, such as `windows-1252`.  Raise UnsupportedMedia."""
    try:
        codec = codecs.lookup(name.strip().strip("\"'")).name
    except (LookupError, ValueError):
        codec = ""
    if not _SUPPORTED.fullmatch(codec):
        raise UnsupportedMedia(
            f"Unsupported encoding '{name[:100]}'. Use utf-8, utf-16, windows-1252, iso-8859-1 or another ISO 8859."
        )
    return codec


def find_utf16_codec(start: bytes) -> str:
    """Return the codec of UTF-16 without a byte-order mark, by the first bytes of a file that starts in ASCII."""
    return "utf-16-be" if start[:1] == b"\0" else "utf-16-le"


def looks_misread(text: str) -> bool:
    """Tell whether a text was probably decoded by the wrong codec, as `NÂ°` is when it should be `N°`."""
    if text.isascii():
        return False
    return bool(_CONTROL.search(text)) or any(_can_transcode(text, *pair) for pair in _CONFUSIONS)


def _can_transcode(text: str, wrong: str, right: str) -> bool:
    try:
        text.encode(wrong).decode(right)
    except UnicodeError:
        return False
    return True
