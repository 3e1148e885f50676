"""Memory that is given back: the allocators of this process keep less of what was freed.

Blocks of events are large and many threads work on them; as they come, allocators would keep hundreds of megabytes.
"""

import ctypes
from contextlib import suppress
from functools import cache

import pyarrow as pa

_ARENA_MAX = -8  # M_ARENA_MAX of the GNU C library
_ARENAS = 2


@cache
def be_frugal() -> None:
    """Sets the allocators of the process, once; where there is another C library, only Arrow's."""
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).mallopt(_ARENA_MAX, _ARENAS)
