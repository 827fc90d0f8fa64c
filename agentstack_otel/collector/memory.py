# SPDX-License-Identifier: Apache-2.0
"""Tell glibc to keep what large buffers leave behind.

A request passes through half a dozen buffers of its own size. By default glibc gets each from the
kernel and gives it back, and the kernel clears every page in between: a tenth of the gateway's CPU.
"""

from __future__ import annotations

import os
from functools import lru_cache

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_THRESHOLD = -1, -2, -3  # malloc.h
_SETTINGS = (
    (_MMAP_THRESHOLD, 32 << 20),  # the most that glibc takes
    (_TRIM_THRESHOLD, 64 << 20),
    (_TOP_PAD, 16 << 20),
)
_USERS = ("MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_", "MALLOC_TOP_PAD_", "GLIBC_TUNABLES")


@lru_cache(maxsize=1)  # a process has one allocator
def keep_freed_memory() -> bool:
    """Keep up to 64 MiB of freed memory for the next requests; False where that cannot be said.

    Does nothing without glibc, and nothing when the user has set the allocator by environment.
    """
    if any(name in os.environ for name in _USERS):
        return False
    try:
        from ctypes import CDLL  # here: only servers need it, and it is slow to import

        mallopt = CDLL(None).mallopt
    except (ImportError, OSError, AttributeError, TypeError):
        return False
    return all(mallopt(setting, value) == 1 for setting, value in _SETTINGS)


__all__ = ["keep_freed_memory"]
