# SPDX-License-Identifier: Apache-2.0
"""Where the process stands while it holds an engine.

The engine keeps a copy of the schema it decodes with in `__cache__` below the current folder, and
offers no setting for that. The user's folder is not ours to write to, and may not be writable.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Make `folder` the current one. Paths that people gave must have been made absolute before."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        yield
    finally:
        with suppress(OSError):  # the old one may be gone by now
            os.chdir(before)


__all__ = ["inside"]
