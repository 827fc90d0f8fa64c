# SPDX-License-Identifier: Apache-2.0
r"""Text that hides in text: `%40`, base64, and values split over the parts of one message.

Each layer gives a text that is easier to read and the way back to the original: what is found in
it is cut out there. Bounded: percent signs are read at any depth in one pass, base64 shrinks by a
quarter with each step and only ASCII text is looked for in it, parts are joined near their ends.

A text in which none of `PERCENT`, `BASE64` (at the begin of a run) and two of `PART_KEYS` stands
has nothing below its surface.
"""

from __future__ import annotations

import base64
import binascii
import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise

# %40, %2540, %252540; only what stands for ASCII from space to tilde.
PERCENT = re.compile(r"%(?:25)*([2-7][0-9A-Fa-f])")
# Four characters of base64 that stand for three of ASCII, four times over (see `decoded`).
_QUANTUM = r"[A-Za-f][A-HQ-Xg-nw-z0-3][ABEFIJMNQRUVYZcdghklopstwx014589][A-Za-z0-9+/_\-]"
BASE64 = re.compile(rf"(?<![A-Za-z0-9+])(?:{_QUANTUM}){{3,}}[A-Za-z0-9+/_\-]*={{0,2}}")
_LINE = range(56, 80)  # characters of a line of base64 that goes on in the next
_NEXT_LINE = re.compile(r"\r?\n([A-Za-z0-9+/_\-]{1,80}={0,2})(?![A-Za-z0-9+/_\-])")
_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/_\-]+")
_URL_SAFE = str.maketrans("-_", "+/")
MAX_DEPTH = 3  # base64 in base64 in base64

PART_KEYS = ("text", "content", "delta", "arguments", "partial_json", "output_text", "thinking")
_PART = re.compile(
    r'"(?:' + "|".join(PART_KEYS) + r')"\s{0,4}:\s{0,4}"([^"\\]*(?:\\.[^"\\]*)*)"', re.DOTALL
)
_BETWEEN = 600  # characters between two parts of one message, at most
_NEAR = 160  # characters of a part, at either end, that may be half of something


class Mapped:
    """A text made of pieces of another one, and the way back.

    Attributes:
        text: What patterns are matched against.
    """

    __slots__ = ("_original", "_starts", "text")

    def __init__(self, pieces: Sequence[tuple[str, int]]) -> None:
        """`pieces`: what to read, and where in the original it begins."""
        self._starts: list[int] = []
        self._original: list[int] = []
        size = 0
        for text, original in pieces:
            self._starts.append(size)
            self._original.append(original)
            size += len(text)
        self.text = "".join(text for text, _ in pieces)

    def original(self, position: int) -> int:
        """The offset in the original of the character at `position`."""
        index = bisect_right(self._starts, position) - 1
        return self._original[index] + position - self._starts[index]

    def end(self, position: int) -> int:
        """The offset behind the character before `position`."""
        return self.original(position - 1) + 1

    def segments(self, start: int, end: int) -> list[tuple[int, int]]:
        """The pieces of the original that `text[start:end]` stands in."""
        first, last = bisect_right(self._starts, start) - 1, bisect_right(self._starts, end - 1) - 1
        cuts = [start, *self._starts[first + 1 : last + 1], end]
        return [(self.original(begin), self.end(stop)) for begin, stop in pairwise(cuts)]


class Percent(Mapped):
    """A text with its percent signs resolved."""

    __slots__ = ("_ends",)

    def __init__(self, original: str) -> None:
        pieces: list[tuple[str, int]] = []
        self._ends: dict[int, int] = {}
        position = 0
        for match in PERCENT.finditer(original):
            start, end = match.span()
            if start > position:
                pieces.append((original[position:start], position))
            pieces.append((chr(int(match[1], 16)), start))
            self._ends[start] = position = end
        pieces.append((original[position:], position))
        super().__init__(pieces)

    def end(self, position: int) -> int:
        """The same where one character stands for several."""
        last = self.original(position - 1)
        return self._ends.get(last, last + 1)


def percent(text: str) -> Percent | None:
    """`text` with its percent signs resolved; None where there are none."""
    if "%" not in text or PERCENT.search(text) is None:
        return None
    return Percent(text)


def decoded(text: str, runs: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int, str]]:
    """Text that stands as base64 where the runs of `text` begin, as (start, end, what it says).

    The first character of base64 that says something in ASCII is one of 32, the second one of 32,
    the third one of 32: one random run in 512 looks like it for twelve characters, so that
    identifiers and images are hardly ever decoded.
    """
    done = 0
    for begin, _ in runs:
        if begin < done:
            continue
        match = BASE64.match(text, begin)
        if match is None and text[begin - 1 : begin] == "\\":
            match = BASE64.match(text, begin + 1)  # the n of \n
        if match is None:
            continue
        done = _last_line(text, match.start(), match.end())
        said = _decode(_NOT_BASE64.sub("", text[match.start() : done]))
        if said:
            yield match.start(), done, said


def _last_line(text: str, start: int, end: int) -> int:
    """Where base64 ends that goes on over lines of the same length."""
    size = end - start
    while size in _LINE:
        line = _NEXT_LINE.match(text, end)
        if line is None or len(line[1]) > size:
            break
        end = line.end()
        if len(line[1]) < size:
            break
    return end


def _decode(body: str) -> str:
    body = body[: len(body) - (len(body) % 4 == 1)]
    padded = body.translate(_URL_SAFE) + "=" * (-len(body) % 4)
    try:
        return base64.b64decode(padded, validate=True).decode("utf-8", "ignore")
    except (binascii.Error, ValueError):
        return ""


def joined(text: str) -> Iterator[Mapped]:
    """Each message of several text parts in a JSON text, read as one.

    Parts follow one another with nothing but JSON between, and no other role begins.
    """
    if text[:1] not in "[{d" or sum(text.count(f'"{key}"') for key in PART_KEYS) < 2:
        return
    pieces: list[tuple[str, int]] = []
    last = -1
    for match in _PART.finditer(text):
        start, end = match.span(1)
        if last >= 0 and not _continues(text, last, start):
            if len(pieces) > 1:
                yield Mapped(pieces)
            pieces = []
        pieces += _ends(match[1], start)
        last = end
    if len(pieces) > 1:
        yield Mapped(pieces)


def _continues(text: str, last: int, start: int) -> bool:
    if start - last > _BETWEEN:
        return False
    between = text[last:start]
    return '"role"' not in between or '"delta"' in between


def _ends(part: str, start: int) -> list[tuple[str, int]]:
    """A part, or its two ends with a line between them that nothing reaches over."""
    if len(part) <= 2 * _NEAR:
        return [(part, start)] if part else []
    tail = len(part) - _NEAR
    return [(part[:_NEAR], start), ("\n" * 4, start + _NEAR), (part[tail:], start + tail)]
