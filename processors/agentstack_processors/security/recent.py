# SPDX-License-Identifier: Apache-2.0
"""What was answered about the latest texts, bounded by the bytes that are held."""

from __future__ import annotations

from sys import getsizeof
from typing import Final, Generic, TypeVar

Known = TypeVar("Known")

_ENTRY: Final = 250
"""Bytes of an entry besides the text and what is known of it."""


class Recent(Generic[Known]):
    """Answers by text, exact: texts are held, not digests of them.

    There are two halves. What is asked for moves into the younger one; when that is full, it
    becomes the older one, and what was in the older one is forgotten. Threads may share it.

    Args:
        memory: Bytes of texts and answers that are held at most, in both halves.
    """

    __slots__ = ("_half", "_held", "_old", "_young")

    def __init__(self, memory: int) -> None:
        self._half = memory // 2
        self._held = 0
        self._young: dict[str, tuple[Known, int]] = {}
        self._old: dict[str, tuple[Known, int]] = {}

    def get(self, text: str) -> Known | None:
        """What was put for `text`, if it is still known."""
        found = self._young.get(text)
        if found is None:
            found = self._old.get(text)
            if found is None:
                return None
            self._take(text, found)
        return found[0]

    def put(self, text: str, known: Known, size: int = 0) -> None:
        """Remember `known`, which takes `size` bytes, for `text`."""
        size += getsizeof(text) + _ENTRY
        if size <= self._half:
            self._take(text, (known, size))

    def _take(self, text: str, entry: tuple[Known, int]) -> None:
        self._held += entry[1]
        if self._held > self._half:
            self._old, self._young = self._young, {}
            self._held = entry[1]
        self._young[text] = entry


__all__ = ["Recent"]
