# SPDX-License-Identifier: Apache-2.0
"""A number in JSON becomes a string when it is replaced: a bare marker would break the document."""

from __future__ import annotations

import re

_QUOTE = re.compile(r'\\.|"', re.DOTALL)
_SPACE = " \t\r\n"


class Numbers:
    """Which finds in one text are JSON numbers; to be asked from left to right.

    Args:
        text: What is scrubbed.
    """

    def __init__(self, text: str) -> None:
        self._text = text
        self._json = text.lstrip(_SPACE)[:1] in ("{", "[")
        self._read = 0
        self._inside = False  # a string

    def is_one(self, start: int, end: int) -> bool:
        """Whether the digits from `start` to `end` are a value of their own, outside of strings."""
        if not (self._json and self._text[start:end].isdecimal() and self._stands(start, end)):
            return False
        for match in _QUOTE.finditer(self._text, self._read, start):
            self._inside ^= match[0] == '"'
        self._read = start
        return not self._inside

    def _stands(self, start: int, end: int) -> bool:
        text = self._text
        while start and text[start - 1] in _SPACE:
            start -= 1
        while end < len(text) and text[end] in _SPACE:
            end += 1
        return text[start - 1 : start] in (":", "[", ",") and text[end : end + 1] in (",", "]", "}")


__all__ = ["Numbers"]
