# SPDX-License-Identifier: Apache-2.0
"""Which parts of a text are looked at: all of it up to a size, then the most suspicious parts."""

from __future__ import annotations

from collections.abc import Callable

WINDOW = 4_096
"""Characters of a window; a quarter of it where characters take several bytes."""
OVERLAP = 256
WHOLE = 6
"""Texts up to so many windows are read whole."""
SHORT = WHOLE * WINDOW // 4
"""Texts up to so many characters are read whole, whatever the characters."""
PARTS = 6
"""How many windows of a longer text are read: first and last, then those with most stems."""
SURVEYED = 300
"""How many windows are surveyed at most, a fifth where characters take several bytes; of texts of
more than a megabyte these are spread evenly."""


def windows(text: str, suspicion: Callable[[str], int]) -> list[tuple[int, int]]:
    """Where to read `text`: (start, end) pairs in order.

    Args:
        text: Any text.
        suspicion: How much there is to find in a window, by a cheap look.
    """
    size = len(text)
    window, most = (WINDOW, SURVEYED) if text.isascii() else (WINDOW // 4, SURVEYED // 5)
    if size <= WHOLE * window:
        return [(0, size)]
    places = [(at, min(size, at + window)) for at in range(0, size - OVERLAP, window - OVERLAP)]
    step = -(-len(places) // most)
    surveyed = places[1:-1:step]
    ranked = sorted(surveyed, key=lambda place: -suspicion(text[place[0] : place[1]]))
    return sorted([places[0], *ranked[: PARTS - 2], places[-1]])


__all__ = ["SHORT", "WHOLE", "WINDOW", "windows"]
