# SPDX-License-Identifier: Apache-2.0
"""RE2's automata over bytes, each compiled once in a process.

RE2 (BSD licence) comes with the server; without it nobody scouts.
"""

from __future__ import annotations

import os
import sys
from functools import lru_cache
from importlib import import_module
from typing import Any

_MEMORY = 64 << 20  # bytes RE2 may use for an automaton; ordinary traffic needs a few


@lru_cache(maxsize=1024)
def compiled(regex: str) -> Any:
    """The expression, compiled once in each process; None without RE2."""
    try:
        re2 = import_module("re2")  # untyped, and only loaded where requests are judged
    except ImportError:
        return None
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1  # bytes are bytes
    options.never_capture = True
    options.log_errors = False
    options.max_mem = _MEMORY
    return re2.compile(regex.encode("latin-1"), options)


def _start_afresh() -> None:
    """In a forked child: a thread of the parent may have held a lock inside the automaton."""
    if compiled.cache_info().currsize:
        compiled.cache_clear()
        purge = getattr(sys.modules.get("re2"), "purge", None)
        if purge is not None:
            purge()


if hasattr(os, "register_at_fork"):  # not on Windows
    os.register_at_fork(after_in_child=_start_afresh)


__all__ = ["compiled"]
