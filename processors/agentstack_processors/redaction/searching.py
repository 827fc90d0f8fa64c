# SPDX-License-Identifier: Apache-2.0
"""Is one byte string in another? Three to four times as fast as `in`, where libc can be asked.

`bytes.find` reads about 2 GB/s of ordinary text for a six-byte needle; glibc's `memmem` 7 GB/s. On
requests of half a megabyte and twenty needles that is the price of the whole prefilter. Where
there is no `memmem` (Windows) the answer is the same, only later.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from functools import lru_cache

_WORTH_A_FOREIGN_CALL = 8192  # bytes; below this, ctypes costs more than it saves

_Search = Callable[[bytes, int, bytes, int], object]


@lru_cache(maxsize=1)
def _memmem() -> _Search | None:
    try:
        # Here and not above: only servers search requests, and ctypes is slow to import.
        from ctypes import CDLL, c_char_p, c_size_t, c_void_p

        found = CDLL(None).memmem
        found.restype = c_void_p
        found.argtypes = [c_char_p, c_size_t, c_char_p, c_size_t]
    except (ImportError, OSError, AttributeError, TypeError):
        return None
    search: _Search = found
    return search


def searcher(size: int) -> Callable[[bytes, bytes], bool]:
    """The quickest way to ask whether a needle is in `size` bytes: `contains(data, needle)`."""
    search = _memmem() if size >= _WORTH_A_FOREIGN_CALL else None
    if search is None:
        return operator.contains

    def contains(data: bytes, needle: bytes) -> bool:
        return search(data, len(data), needle, len(needle)) is not None

    return contains


def positions(data: bytes, needle: bytes) -> Iterator[int]:
    """Every offset at which `needle` occurs in `data`, overlapping ones too."""
    position = data.find(needle)
    while position >= 0:
        yield position
        position = data.find(needle, position + 1)
