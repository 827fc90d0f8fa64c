# SPDX-License-Identifier: Apache-2.0
"""The strings of a request in which something may stand: found by framing, read by the redactor.

Read is as much of a string as any row looks at; where places are close together, more at once.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cached_property
from typing import Protocol

from agentstack_processors.otlp.wire import Malformed, fields
from agentstack_processors.redaction.allowance import Allowance
from agentstack_processors.redaction.arrays import scrub_array
from agentstack_processors.redaction.escapes import HIDING, meant
from agentstack_processors.redaction.keys import names_a_secret
from agentstack_processors.redaction.leaves import (
    ARRAY,
    BYTES,
    DOUBLE,
    INT,
    KEY,
    OPAQUE,
    Leaf,
    Leaves,
)
from agentstack_processors.redaction.numbers import scrub_number
from agentstack_processors.redaction.places import NEXT_PART, PART_VALUE, number_of, reach_on
from agentstack_processors.redaction.scout import Scout

BEFORE, _BEFORE_ESCAPED = 192, 960  # bytes before a place that any row looks at
AFTER, _STEP = 320, 64  # bytes behind it; places in the first of them are judged with it
_AFTER_NAME = 4352  # behind the name of a secret: values of cookies may be long and hold spaces
_PER_QUESTION = 1024  # bytes that are read in the time in which a question is answered
_LONGEST_RUN = 8192  # bytes; a token goes on to the next white space
_OFTEN, _WIDEST = 256, 2048  # bytes between looks that are many, and read at once where they are
_END_OF_RUN = re.compile(rb"[\s\"',;<>{}\[\]]")
# A line of base64 that is not the last; in JSON, slashes and signs may be escaped.
_LINE = re.compile(
    rb"(?:[A-Za-z0-9+/_\-=]|\\{1,16}(?:/|u00[23][0-9a-fA-F])){48,}(?:\\{1,16}[nr]|[\r\n])"
)
_MARKED = re.compile(rb"\x12\x0f\x0a\x0d\[SECRET:[0-9a-f]{4}\]")
_MOST_KEPT = 512  # texts that were clean


class Scrubber(Protocol):
    """What is needed of `Redactor`."""

    def scrub(self, text: str) -> str:
        """`text` without secrets."""
        ...

    def scrub_attribute(self, key: str, text: str) -> str:
        """The same for the value of a named attribute."""
        ...

    def scrub_parts(self, parts: Sequence[str]) -> list[str]:
        """The same for the parts of one message."""
        ...


class Stride:
    """How much to read at once: twice as much where the last look was not long ago.

    Args:
        least: Bytes, where it was.
    """

    def __init__(self, least: int = 0) -> None:
        self._least = least
        self._size = least
        self._end = -_WIDEST

    def at(self, start: int) -> int:
        """Bytes beyond what has to be read at `start`."""
        near = start - self._end < _OFTEN
        self._size = min(max(2 * self._size, _OFTEN), _WIDEST) if near else self._least
        self._end = start + self._size
        return self._size


class Judge:
    """Reads the strings of one request.

    Args:
        scout: Knows the names of secrets.
        redactor: Reads what is found.
        data: The request.
        allowance: What reading may cost.

    Raises:
        Malformed: From each method: this is no request.
        Spent: Likewise: the allowance does not suffice.
    """

    def __init__(self, scout: Scout, redactor: Scrubber, data: bytes, allowance: Allowance) -> None:
        self._allowance = allowance
        self._scout = scout
        self._redactor = redactor
        self._data = data
        self._reading = Stride(_STEP)
        self._clean: set[str] = set()
        self._hidden = ((0, 0), False)
        self._asked = ((0, 0), 0)

    @cached_property
    def _found(self) -> Leaves:
        return Leaves(self._data, self._allowance)

    def bounds(self, start: int, end: int) -> tuple[int, int]:
        """Begin and end of the string at a place; nothing where none is.

        Raises:
            Malformed: This is no request.
        """
        leaves = self._leaves_near(start, end)
        if any(leaf.kind == OPAQUE for leaf in leaves):
            raise Malformed("a field that nobody knows")
        return (leaves[0].start, max(leaf.end for leaf in leaves)) if leaves else (start, start)

    def ask_again(self, low: int, high: int) -> bool:
        """Count a question of a string; whether by now to read all of it costs no more."""
        bounds, count = self._asked
        self._asked = (low, high), count + 1 if bounds == (low, high) else 1
        return self._asked[1] > 1 + (high - low) // _PER_QUESTION

    def changes(self, start: int, end: int) -> int | None:
        """None when what stands at a place has to be changed; else from where on to look again."""
        stops = []
        for leaf in self._leaves_near(start, end):
            stop = self._stop(leaf, start)
            if stop is None:
                return None
            stops.append(stop)
        # Where the bytes may be two things, they are read as far as both were.
        return max(start + 1, min(stops, default=0))

    def _leaves_near(self, start: int, end: int) -> list[Leaf]:
        """The string at `start`, or the first that begins within what matched there."""
        for position in range(start, min(end, start + 8)):
            leaves = self._found.at(position)
            if leaves:
                return leaves
        return []

    def _stop(self, leaf: Leaf, start: int) -> int | None:
        """None when redaction changes the leaf; else how far it has been read."""
        if leaf.kind == OPAQUE:
            return None
        if leaf.kind in (INT, DOUBLE):
            number = number_of(self._data, leaf)
            return None if scrub_number(leaf.key, number, self._redactor.scrub) else leaf.end
        if leaf.kind == ARRAY:
            return leaf.start if self._array_is_clean(leaf) else None
        if leaf.kind == KEY and self._names_a_secret(leaf):
            return None
        return self._read(leaf, start)

    def _read(self, leaf: Leaf, start: int) -> int | None:
        """Read a text around `start`, all of it where parts of a message hide in it."""
        data = self._data
        step = self._reading.at(start)
        low, high = self._window(max(start, leaf.start), leaf, step)
        if (
            self.ask_again(leaf.start, leaf.end)
            or 2 * (high - low) >= leaf.end - leaf.start
            or PART_VALUE.match(data, start) is not None
            or self._scout.whole(data, start)
            or (high < leaf.end and _goes_on(data, start, high))
        ):
            low, high = leaf.start, leaf.end
        text = _decoded(data, low, high, leaf)
        if text not in self._clean:
            self._allowance.read(high - low)
            if self._redactor.scrub(text) != text:
                return None
            if len(self._clean) < _MOST_KEPT:
                self._clean.add(text)
        if self._hides(text, leaf):  # of the leaf, not of the text: it may be clean elsewhere
            return None
        if (low, high) == (leaf.start, leaf.end):
            return leaf.end
        read = leaf.end if high == leaf.end else start + step
        part = NEXT_PART.search(data, start + 1, read)
        read = part.start() if part is not None else read
        return self._scout.next_name(data, start + 1, self._scout.next_head(data, start + 1, read))

    def _hides(self, text: str, leaf: Leaf) -> bool:
        """Whether a piece is changed where its escapes are read because of others in the leaf:
        without them, what is asked for has to stand there as it is."""
        if "\\" not in text or HIDING.search(text) is not None:
            return False
        bounds = leaf.start, leaf.end
        if self._hidden[0] != bounds:
            whole = self._data[leaf.start : leaf.end]
            self._hidden = bounds, HIDING.search(whole.decode("latin-1")) is not None
        if not self._hidden[1]:
            return False
        said = meant(text)
        return self._redactor.scrub(said) != said

    def _window(self, start: int, leaf: Leaf, step: int) -> tuple[int, int]:
        """As much of a text around `start` as any row looks at."""
        data, before = self._data, BEFORE
        near = data[max(leaf.start, start - BEFORE) : start]
        if step > _STEP or b"\\" in near or not near.isascii():
            before = _BEFORE_ESCAPED
        low = max(leaf.start, start - before)
        name = self._scout.name(data, start)
        high = start + _AFTER_NAME if name else reach_on(data, start, AFTER)
        return low, end_of_run(data, high + step, leaf.end)

    def _names_a_secret(self, leaf: Leaf) -> bool:
        """Whether a value under a secret's name is there and is no marker yet."""
        data = self._data
        if not names_a_secret(data[leaf.start : leaf.end].decode("utf-8", "replace")):
            return False
        return leaf.end < leaf.below and _MARKED.match(data, leaf.end) is None

    def _array_is_clean(self, leaf: Leaf) -> bool:
        """Whether no secret stands in several of an array's texts, cut up."""
        self._allowance.read(leaf.end - leaf.start)
        data, texts = self._data, []
        for _, _, low, high in fields(data, leaf.start, leaf.end):
            for tag, _, at, after in fields(data, low, high):
                if tag == 0x0A:
                    texts.append(data[at:after].decode("utf-8", "replace"))
        return len(texts) < 2 or scrub_array(self._redactor, leaf.key, texts) == texts


def end_of_run(data: bytes, high: int, end: int) -> int:
    """Where what stands at `high` ends, or the string does: values are not cut in two."""
    if high >= end:
        return end
    found = _END_OF_RUN.search(data, high, min(end, high + _LONGEST_RUN))
    return found.end() if found is not None else min(end, high + _LONGEST_RUN)


def _goes_on(data: bytes, start: int, high: int) -> bool:
    """Whether something that has to be read as one goes on behind what is read: lines of base64,
    which begin with this place or so near that they are read with it, or a run without an end."""
    return (
        _END_OF_RUN.match(data, high - 1) is None
        or _LINE.search(data, max(0, start - _OFTEN), high) is not None
    )


def _decoded(data: bytes, low: int, high: int, leaf: Leaf) -> str:
    """A piece of a leaf as `otlp.scrub` reads it: bytes that are no UTF-8 are Latin-1."""
    if leaf.kind == BYTES:
        try:
            data[leaf.start : leaf.end].decode()
        except UnicodeDecodeError:
            return data[low:high].decode("latin-1")
    return data[low:high].decode("utf-8", "replace")
