"""Tuning of memory allocators, so that freed memory returns to the operating system.

Blocks of events are large, and many threads work on them.  With default settings, allocators would keep hundreds of
megabytes.
"""

import ctypes
from contextlib import suppress
from functools import cache

import pyarrow as pa

_TRIM_THRESHOLD, _MMAP_THRESHOLD, _ARENA_MAX = -1, -3, -8  # parameters of mallopt in the GNU C library
_ARENAS = 2
_LARGE_BYTES = 16 * 2**20  # larger blocks are returned as soon as they are freed; hashing a password takes 19 MiB


@cache
def limit_arenas() -> None:
    """Tune the allocators of the process, once; without the GNU C library, only that of Arrow."""
    pa.set_memory_pool(pa.system_memory_pool())
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        library.mallopt(_ARENA_MAX, _ARENAS)
        library.mallopt(_MMAP_THRESHOLD, _LARGE_BYTES)
        library.mallopt(_TRIM_THRESHOLD, 2 * _LARGE_BYTES)


def trim() -> None:
    """Return free memory to the system; takes tens of milliseconds, so call it between large pieces of work."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
