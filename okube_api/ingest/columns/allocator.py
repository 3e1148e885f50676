"""Memory that is given back: the allocators of this process keep less of what was freed.

Blocks of events are large and many threads work on them; as they come, allocators would keep hundreds of megabytes.
"""

import ctypes
from contextlib import suppress
from functools import cache

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # parameters of the GNU C library
_ARENAS = 2
_LARGE_BYTES = 16 * 2**20  # what is larger goes back to the system at once: a password's hash takes 19 MiB


@cache
def limit_arenas() -> None:
    """Sets the allocators of the process, once; where there is another C library, only Arrow's."""
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, _ARENAS)
        library.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_TRIM_THRESHOLD, 2 * _LARGE_BYTES)


def trim() -> None:
    """Gives back what lies free between what is used: some ten milliseconds, between two large pieces of work."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
