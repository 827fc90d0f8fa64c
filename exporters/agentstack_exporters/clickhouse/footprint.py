# SPDX-License-Identifier: Apache-2.0
"""Give the kernel back the pages of the engine's library that start-up touched and nobody needs.

Importing chDB maps a library of half a gigabyte; running its initialisers leaves some 280 MB of
clean file pages resident. MADV_PAGEOUT on those mappings drops them from this process; a page that
is needed again is read from the page cache. Only private read-only and executable file mappings
are touched, whose content is the file's by definition. Never MADV_DONTNEED: on pages the dynamic
linker has relocated it would undo the relocation.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from pathlib import Path

_MADV_PAGEOUT = 21  # Linux 5.4
_LIBRARY = "_chdb"


def page_out_library() -> int:
    """Ask for it; returns the bytes asked for, 0 where the system has no such call."""
    if not sys.platform.startswith("linux"):
        return 0
    libc = ctypes.CDLL(None, use_errno=True)
    libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    return sum(
        end - start
        for start, end in _clean_mappings()
        if libc.madvise(start, end - start, _MADV_PAGEOUT) == 0
    )


def _clean_mappings() -> Iterator[tuple[int, int]]:
    """Address ranges of the library that are mapped without write permission."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, permissions, _, _, _, *name = line.split(maxsplit=5)
        if name and _LIBRARY in Path(name[0]).name and "w" not in permissions:
            start, end = addresses.split("-")
            yield int(start, 16), int(end, 16)
