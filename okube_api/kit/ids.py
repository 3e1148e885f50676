"""Identifiers: 24 hex digits that start with the second they were made in."""

import re
import secrets
from datetime import datetime
from itertools import count

_ID = re.compile(r"[0-9a-fA-F]{24}")
_PROCESS = secrets.token_hex(5)
_NEXT = count(secrets.randbelow(2**23))


def new_id(now: datetime) -> str:
    """An identifier that no other call gives, in this process or another; ascending within one process."""
    return f"{int(now.timestamp()) & 0xFFFFFFFF:08x}{_PROCESS}{next(_NEXT) & 0xFFFFFF:06x}"


def is_id(text: str) -> bool:
    """Whether this can be an identifier (a key may look like one, too)."""
    return _ID.fullmatch(text) is not None
