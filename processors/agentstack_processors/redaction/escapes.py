# SPDX-License-Identifier: Apache-2.0
r"""Reading through JSON escapes without losing one's place.

Most text a span carries is JSON inside a string, sometimes twice: `bob\u0040example.com`,
`\nbob@example.com` (whose first letter is not an `n`), `-----BEGIN…-----\\nMII…`. Patterns look
at a *view* in which escapes are the characters they stand for; what they find is cut out of the
original text, so that the JSON stays JSON.
"""

from __future__ import annotations

import re
from bisect import bisect_right

# The backslash comes first so that the search may skip to it; the look-behind then demands the
# first of a run, without which a megabyte of backslashes would be read a megabyte times.
_ESCAPE = re.compile(r"\\(?<!\\\\)\\*(?:u[0-9a-fA-F]{4}|[bfnrt\"'/])")
_PLAIN = {"b": "\b", "f": "\f", "n": "\n", "r": "\n", "t": "\t", '"': '"', "'": "'", "/": "/"}
_SEVERAL = re.compile(r"\\(?<!\\\\)\\+(?=u[0-9a-fA-F]{4}|[bfnrt\"'/])")
_CODE = re.compile(r"\\u([0-9a-fA-F]{4})")
# Escapes behind which the cheap questions (is there an "@"? are there digits?) cannot see, and
# which look like the beginning of what follows them: `\u00e9sk-ant-`.
HIDING = re.compile(r"\\u[0-9a-fA-F]{4}")


class View:
    """`text` with its escapes resolved, and the way back.

    Attributes:
        text: What patterns are matched against; shorter than or as long as the original.
    """

    __slots__ = ("_of", "_original", "_starts", "text")

    def __init__(self, original: str) -> None:
        self.text = meant(original)
        self._of = original
        self._starts: list[int] = []
        self._original: list[int] = []

    def original(self, position: int) -> int:
        """The offset in the original text of the character at `position` of the view."""
        if not self._starts:  # most views are read and found clean
            self._find_way_back()
        index = bisect_right(self._starts, position) - 1
        return self._original[index] + position - self._starts[index]

    def _find_way_back(self) -> None:
        self._starts, self._original = [0], [0]
        size = position = 0
        for match in _ESCAPE.finditer(self._of):
            start, end = match.span()
            size += start - position
            if start > position:
                self._add(size, start)
            size, position = size + 1, end
            self._add(size, end)

    def _add(self, view: int, original: int) -> None:
        self._starts.append(view)
        self._original.append(original)


def meant(text: str) -> str:
    """`text` with each escape, however many backslashes it has, as the character it stands for."""
    if "\\\\" in text:
        text = _SEVERAL.sub(r"\\", text)
    for letter, plain in _PLAIN.items():
        text = text.replace("\\" + letter, plain)
    # Last: what a code stands for may be a backslash.
    return _CODE.sub(lambda code: chr(int(code[1], 16)), text) if "\\u" in text else text
