# SPDX-License-Identifier: Apache-2.0
r"""`suspicious`: may anything in a serialised OTLP request need redaction? Without decoding it.

The bytes are searched for the necessary conditions of the table; around each hit a small window is
cut out and asked properly. Two things make this more than a search:

- Protobuf puts a length before a string and a tag behind it, and both can be letters or digits:
  `\x0a3sk-proj-…J\x1a\x0a` holds a key 51 (`3`) bytes long. Each window is therefore also read as
  if it began after a byte that can be a length, and ended before one that can be a tag.
- Whoever sends bytes that hit all the time makes us look all the time. After a bounded number of
  looks the answer is True, which is always right: it only means "open it".

Holds for messages whose fields stand in the order of their numbers, as every library writes them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agentstack_processors.redaction.escapes import View
from agentstack_processors.redaction.folding import TABLE
from agentstack_processors.redaction.keys import MAX_KEY, SECRET_WORDS, names_a_secret
from agentstack_processors.redaction.patterns import Pattern
from agentstack_processors.redaction.scout import Scout
from agentstack_processors.redaction.searching import positions, searcher

_BEFORE, _AFTER = 96, 320  # bytes; further than any row of the table needs to decide
_AFTER_NUMBER = 64  # numbers are short
_LOOKS = 64  # windows in any request, and one more for each 4 KiB
_GLANCES = 512  # windows cut out only to see that nothing else a row needs is near; 1 for 256 B
_PLACES = 64  # that the scout names, and one more for each 512 bytes
_READINGS = 200  # of one window
# A length before a string, after a tag of OTLP's string fields. Only lengths that look like text
# change how what follows is read; behind any other byte a secret begins as in plain text.
_LENGTH = re.compile(rb"(?=([\x0a\x12\x1a\x22*:b][\x80-\xff]{0,4}[0-9A-Za-z\-.,_+/(%]))")
# What can follow the end of a string and looks like text: the tag of a nested message, a kind, a
# time, an id, flags, a name.
_TAG = re.compile(
    rb"(?=[2BJRZbjrz][\x80-\xff]{0,4}[\x00-\x7f][\x0a\x09\x12\x18]"
    rb"|0[\x00-\x06]9|9[\x00-\xff]{8}A|P[\x00-\xff]{1,5}[Zj`z]|[`p][\x00-\xff]{1,5}[jz\x85]"
    rb"|J\x10|R\x08|8[\x00-\xff]{1,5}[EJ]|E[\x00-\xff]{4}J|Y[\x00-\xff]{8}b"
    rb"|b[\x80-\xff]{0,4}[\x00-\x7f])"
)
# Literals and shapes that identifiers and prose are full of, and what must follow them.
_WORTH_A_LOOK = {
    b"@": re.compile(
        rb"@(?:[A-Za-z0-9]|[\xc3-\xc9][\x80-\xbf]|\\+u0[0-2])"
        rb"(?:[A-Za-z0-9\-]|[\xc3-\xc9][\x80-\xbf]){0,62}(?:\.|\\+u0[0-2])"
    ),
    b"+": re.compile(
        rb"\+[1-9](?:[0-9 ().\-/\x80-\xff]{7}|[0-9 ().\-/\x80-\xff]{0,6}\\+u(?:00[aA]|20|22))"
    ),
    b"eyJ": re.compile(rb"eyJ[A-Za-z0-9_\-]{8}"),
    b"sk-": re.compile(rb"sk-[A-Za-z0-9_\-]{16}"),
    b"ASIA": re.compile(rb"ASIA[A-Z0-9]{16}"),
    b"bearer": re.compile(rb"(?i:bearer)[^A-Za-z0-9_\-.,]"),
    b"basic": re.compile(rb"(?i:basic)[^A-Za-z0-9_\-.,]"),
    b"0" * 13: re.compile(rb"(?<![0-9])[0-9]"),  # once for each run of digits
    b"(000)": re.compile(rb"\([0-9]{3}\)[ \-.\x80-\xff]{0,6}(?:[0-9]{3}|\\)"),
    b"000-00-0000": re.compile(rb"[0-8][0-9]{2}(.)[0-9]{2}\1[0-9]"),
    b"000-000-0000": re.compile(rb"[0-9]{3}([\-.])[0-9]{3}\1[0-9]"),
}
# "<", ">" and "&" hide nothing: no row needs them to find something.
_HIDDEN = re.compile(rb"\\u(?:00(?:2[0-57-9a-fA-F]|3[0-9abdfABDF]|[4-7aA])|(20[0-2]))")
# The separators beyond ASCII (patterns._DASH), as UTF-8; searched for by their first byte.
_OUTSIDE_ASCII = frozenset(
    chr(code).encode() for code in (0xA0, *range(0x2009, 0x2016), 0x202F, 0x2212)
)
_REST_OF_KEY = re.compile(rb"[A-Za-z]{0,5}")
_KEY_BEFORE = re.compile(rb"[A-Za-z0-9_.\- ]{1,64}\Z")
_KEY_CLOSED = re.compile(rb"\\*[\"'](?:[\s\x1c-\x1f\x80-\xff\\nrtbf]|u[0-9a-fA-F]{4}){0,24}[:=]")
_MARKED = re.compile(rb"\x12\x0f\x0a\x0d\[SECRET:[0-9a-f]{4}\]")


class _Looks:
    """How many windows may still be cut out, and how many of them looked into."""

    __slots__ = ("_glances", "_left")

    def __init__(self, size: int) -> None:
        self._left = _LOOKS + (size >> 12)
        self._glances = _GLANCES + (size >> 8)

    def glanced(self) -> bool:
        """Take a glance; True when there was none left."""
        self._glances -= 1
        return self._glances < 0

    def spent(self) -> bool:
        """Take a look; True when there was none left."""
        self._left -= 1
        return self._left < 0


class _Region:
    """The offsets `low` to `high` of a request, and what is needed of the bytes around, folded."""

    __slots__ = ("_contains", "base", "data", "folded", "high", "low")

    def __init__(self, data: bytes, low: int, high: int) -> None:
        self.data, self.low, self.high = data, low, high
        self.base = max(0, low - _BEFORE)
        self.folded = data[self.base : high + _AFTER].translate(TABLE)
        self._contains = searcher(high - low) if low == 0 else None

    def first(self, needle: bytes, *, folded: bool) -> int:
        """The first offset at which `needle` begins; -1 where there is none."""
        text, base = (self.folded, self.base) if folded else (self.data, 0)
        if self._contains is not None and not self._contains(text, needle):
            return -1
        found = text.find(needle, self.low - base, self.high - base + len(needle) - 1)
        return found + base if found >= 0 else -1

    def every(self, needle: bytes, first: int, *, folded: bool) -> Iterator[int]:
        """All of them, from the `first` on."""
        text, base = (self.folded, self.base) if folded else (self.data, 0)
        position, end = first - base, self.high - base + len(needle) - 1
        while position >= 0:
            yield position + base
            position = text.find(needle, position + 1, end)

    def behind(self, position: int) -> bytes:
        """The folded byte before `position`; empty at the start."""
        at = position - self.base
        return self.folded[at - 1 : at] if at else b""


class RequestFilter:
    """The raw-bytes question, for one set of rows.

    Args:
        patterns: The rows.
        scout: Let RE2 say where to look, when it is installed.
    """

    def __init__(self, patterns: tuple[Pattern, ...], *, scout: bool = True) -> None:
        self._patterns = patterns
        self._keyed = tuple(p for p in patterns if p.words == SECRET_WORDS)
        self._in_bytes: dict[bytes, list[Pattern]] = {}
        self._in_folded: dict[bytes, list[Pattern]] = {}
        for pattern in patterns:
            if pattern in self._keyed:
                continue
            for literal in pattern.literals:
                self._in_bytes.setdefault(literal.encode(), []).append(pattern)
            # Words are rarer than digits: identifiers and times are full of those.
            for needle in () if pattern.literals else pattern.words or pattern.shapes:
                self._in_folded.setdefault(needle, []).append(pattern)
        self._scout = Scout(self._in_bytes, self._in_folded) if scout else None

    def suspicious(self, data: bytes) -> bool:
        """False proves that redaction would change no string of the request `data`."""
        looks = _Looks(len(data))
        if self._scout is None or not self._scout.ready:
            return self._judge(_Region(data, 0, len(data)), looks)
        judged, places = 0, _PLACES + (len(data) >> 9)
        for low, high in self._scout.places(data):
            places -= 1
            if places < 0:  # so many of them that reading on is cheaper
                return self._judge(_Region(data, max(low, judged), len(data)), looks)
            if high > judged and self._judge(_Region(data, max(low, judged), high), looks):
                return True
            judged = max(judged, high)
        return False

    def _judge(self, region: _Region, looks: _Looks) -> bool:
        """Whether something that begins in `region` needs redaction."""
        for position, patterns in self._hits(region):
            if not patterns:  # the key of an attribute names a secret
                return True
            if looks.glanced():
                return True
            window = _Window(region, position)
            hidden = patterns is self._patterns  # from the very questions `meets` asks
            asked = [pattern for pattern in patterns if hidden or window.meets(pattern)]
            if asked and (looks.spent() or window.holds(asked)):
                return True
        return False

    def _hits(self, region: _Region) -> Iterator[tuple[int, Sequence[Pattern]]]:
        data = region.data
        words = dict.fromkeys(SECRET_WORDS, -1)
        for folded, table in ((False, self._in_bytes), (True, self._in_folded)):
            for needle, patterns in table.items():
                first = region.first(needle, folded=folded)
                if first >= 0:
                    words[needle] = first
                    worth = _WORTH_A_LOOK.get(needle)
                    for position in region.every(needle, first, folded=folded):
                        if worth is None or worth.match(data, position) is not None:
                            yield position, patterns
        for word in SECRET_WORDS:
            first = words[word]
            if first < 0 and word not in self._in_folded:
                first = region.first(word, folded=True)
            if first >= 0:
                for position in region.every(word, first, folded=True):
                    yield from self._key(data, position, word)
        for position in _hiding(region):
            yield position, self._patterns

    def _key(
        self, data: bytes, position: int, word: bytes
    ) -> Iterator[tuple[int, Sequence[Pattern]]]:
        """A word for a secret: the end of an attribute's key, or of a key in JSON, or prose."""
        end = position + len(word.rstrip(b'"'))
        rest = _REST_OF_KEY.match(data, end)
        end = rest.end() if rest is not None else end
        if _attribute_key(data, end) and _MARKED.match(data, end) is None:
            yield position, ()
        elif self._keyed and _KEY_CLOSED.match(data, end) is not None:
            name = _KEY_BEFORE.search(data, max(0, end - 64), end)
            if name is not None and names_a_secret(name[0].decode()):
                yield position, self._keyed


def _hiding(region: _Region) -> Iterator[int]:
    r"""Characters that hide from substring search: `\u0040` and separators beyond ASCII."""
    data = region.data
    for position in region.every(b"\\u", region.first(b"\\u", folded=False), folded=False):
        match = _HIDDEN.match(data, position)
        # A dash hides something only inside a number.
        if match and (match[1] is None or region.behind(position) in (b"0", b'"')):
            yield position
    for first, size in ((b"\xc2", 2), (b"\xe2", 3)):
        for position in region.every(first, region.first(first, folded=False), folded=False):
            if (
                region.behind(position) in (b"0", b")", b"+")
                and data[position : position + size] in _OUTSIDE_ASCII
            ):
                yield position


def _attribute_key(data: bytes, end: int) -> bool:
    """Whether a string field that ends at `end` names a secret: its length says where it begins."""
    start = max(0, end - MAX_KEY * 2 - 3)
    for position in positions(data[start:end], b"\x0a"):
        begin, length = _varint(data, start + position + 1)
        if begin + length == end and names_a_secret(data[begin:end].decode("utf-8", "replace")):
            return True
    return False


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """(where the string begins, its length), for a length of at most two bytes."""
    first = data[position] if position < len(data) else 0
    if first < 0x80 or position + 1 >= len(data):
        return position + 1, first
    return position + 2, (first & 0x7F) | (data[position + 1] << 7)


def _may_be_tag(byte: bytes) -> bool:
    """Whether a field can begin so: a wire type that is in use, or the end of the message."""
    return not byte or byte[0] & 7 in (0, 1, 2, 5)


class _Window:
    """The surroundings of a hit, read in every way the framing of protobuf allows."""

    __slots__ = ("_at", "_bytes", "_data", "_folded", "_offset")

    def __init__(self, region: _Region, position: int) -> None:
        data, base = region.data, region.base
        start = max(0, position - _BEFORE)
        number = region.folded[position - base : position - base + 1] in b"0(+"
        end = position + (_AFTER_NUMBER if number else _AFTER)
        self._bytes = data[start:end]
        self._folded = region.folded[start - base : end - base]
        self._at = position - start
        self._data, self._offset = data, start

    def meets(self, pattern: Pattern) -> bool:
        """Whether the words and shapes that `pattern` needs stand near."""
        return all(
            not needles or any(needle in self._folded for needle in needles)
            for needles in (pattern.words, pattern.shapes)
        )

    def _starts(self) -> Iterator[int]:
        yield 0
        for match in _LENGTH.finditer(self._bytes, 0, self._at + 1):
            length = 0
            for byte in reversed(match[1][1:]):
                length = length << 7 | byte & 0x7F
            # A length it can only be if the string reaches the hit and a tag may follow it.
            end = self._offset + match.end(1) + length
            if end > self._offset + self._at and _may_be_tag(self._data[end : end + 1]):
                yield match.end(1)

    def holds(self, patterns: Sequence[Pattern]) -> bool:
        """Whether one of `patterns` finds something, in any reading."""
        starts = list(self._starts())
        ends = [len(self._bytes), *(m.start() for m in _TAG.finditer(self._bytes, self._at))]
        if len(starts) * len(ends) > _READINGS:
            return True
        return any(
            next(pattern.find(reading), None) is not None
            for start in starts
            for end in ends
            for reading in (self._reading(start, end),)
            for pattern in patterns
        )

    def _reading(self, start: int, end: int) -> str:
        text = self._bytes[start:end].decode("utf-8", "replace")
        return View(text).text if "\\" in text else text
