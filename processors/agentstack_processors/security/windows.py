# SPDX-License-Identifier: Apache-2.0
"""Which parts of a text are looked at: all of it up to `WHOLE`, then the most suspicious parts."""

from __future__ import annotations

from collections.abc import Callable

WHOLE = 32_768
"""Texts up to so many characters are read whole."""
WINDOW = 4_096
OVERLAP = 256
PARTS = 8
"""How many windows of a longer text are read: first and last, then those with most stems."""
SURVEYED = 256
"""How many windows are surveyed at most; of longer texts (1 MB) evenly spread ones."""


def windows(text: str, suspicion: Callable[[str], int]) -> list[tuple[int, int]]:
    """Where to read `text`: (start, end) pairs in order.

    Args:
        text: Any text.
        suspicion: How much there is to find in a window, by a cheap look.
    """
    size = len(text)
    if size <= WHOLE:
        return [(0, size)]
    places = [(at, min(size, at + WINDOW)) for at in range(0, size, WINDOW - OVERLAP)]
    step = -(-len(places) // SURVEYED)
    surveyed = places[1:-1:step]
    ranked = sorted(surveyed, key=lambda place: -suspicion(text[place[0] : place[1]]))
    return sorted([places[0], *ranked[: PARTS - 2], places[-1]])


__all__ = ["WHOLE", "windows"]
