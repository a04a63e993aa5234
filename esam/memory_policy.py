"""What the C library does with memory that was freed; set before anything large is allocated."""

import ctypes
import sys

# Numbers of glibc's malloc.h.
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

_LARGEST_KEPT_BYTES = 32 << 20
_KEPT_BYTES = 64 << 20
_ARENAS = 2


def keep_freed_memory() -> None:
    """Have freed memory stay with the process; nothing is done where the C library is not glibc.

    A decode makes and frees some thirty tensors of 1 to 8 MiB. glibc may hand them back to the
    system each time and get them again as new pages, thousands of page faults a decode: 31 ms of
    processor time became 38. The bounds are those that glibc's own adaptation ends at. Threads
    share two arenas, since each keeps memory of its own.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _LARGEST_KEPT_BYTES)
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_ARENA_MAX, _ARENAS)
