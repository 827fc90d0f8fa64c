# SPDX-License-Identifier: Apache-2.0
"""Which stretches of a text are scored: an attack of one sentence drowns in a page of good text."""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

SIZES: Final = (12, 30, 90)
"""Words in a window; the next window of its size begins half of that later."""

Bounds = npt.NDArray[np.int64]


def windows(words: int) -> list[tuple[Bounds, Bounds]]:
    """First word and end of every window of a text, one pair for each of `SIZES`.

    Windows of a size that the text does not exceed are one: the text itself, and larger sizes are
    left out. The last window of a size ends where the text ends.
    """
    found: list[tuple[Bounds, Bounds]] = []
    for size in SIZES:
        if words <= size:
            found.append((np.zeros(1, np.int64), np.array([words])))
            break
        begins = np.append(np.arange(0, words - size, size // 2), words - size)
        found.append((begins, begins + size))
    return found


__all__ = ["SIZES", "windows"]
