"""Identifiers: 24 hex digits, of which the first eight are the time of creation in seconds."""

import re
import secrets
from datetime import datetime
from itertools import count

_ID = re.compile(r"[0-9a-fA-F]{24}")
_PROCESS = secrets.token_hex(5)
_NEXT = count(secrets.randbelow(2**23))


def new_id(now: datetime) -> str:
    """Return an identifier that is unique over all processes, and greater than the earlier ones of this process."""
    return f"{int(now.timestamp()) & 0xFFFFFFFF:08x}{_PROCESS}{next(_NEXT) & 0xFFFFFF:06x}"


def is_id(text: str) -> bool:
    """Return whether a text has the form of an identifier.  A key may have it, too."""
    return _ID.fullmatch(text) is not None
