# SPDX-License-Identifier: Apache-2.0
"""Which string of a serialised OTLP request does this byte belong to?

Protobuf puts a length before each string, and lengths can be letters and digits. Who wants to know
what a pattern finds in a request therefore has to know where its strings begin and end. Walked is
only what leads to the byte that is asked for; places are asked for in ascending order.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Any, NamedTuple

from agentstack_processors.otlp.wire import FIXED64, GROUP, LENGTH, Malformed, fields, varint
from agentstack_processors.redaction.allowance import Allowance

TEXT, BYTES, KEY, INT, DOUBLE, ARRAY, OPAQUE = (
    "text", "bytes", "key", "int", "double", "array", "opaque",
)  # fmt: skip
Kind = dict[int, Any]
"""A message: tag → the kind of its value. What has no tag here is a number, an id or a time."""


def _text(*numbers: int) -> Kind:
    return {number << 3 | LENGTH: TEXT for number in numbers}


_VALUE: Kind = _text(1) | {3 << 3: INT, 4 << 3 | 1: DOUBLE, 7 << 3 | LENGTH: BYTES}
_ATTRIBUTE: Kind = {1 << 3 | LENGTH: KEY, 2 << 3 | LENGTH: _VALUE}
_VALUE[5 << 3 | LENGTH] = _ARRAY_KIND = {1 << 3 | LENGTH: _VALUE}
_VALUE[6 << 3 | LENGTH] = {1 << 3 | LENGTH: _ATTRIBUTE}
_SCOPE: Kind = _text(1, 2) | {3 << 3 | LENGTH: _ATTRIBUTE}
_RESOURCE: Kind = {1 << 3 | LENGTH: _ATTRIBUTE, 3 << 3 | LENGTH: _text(1, 2, 3, 4)}
_EVENT: Kind = _text(2) | {3 << 3 | LENGTH: _ATTRIBUTE}
_LINK: Kind = _text(3) | {4 << 3 | LENGTH: _ATTRIBUTE}
_STATUS: Kind = _text(2)
_SPAN: Kind = _text(3, 5) | {
    9 << 3 | LENGTH: _ATTRIBUTE,
    11 << 3 | LENGTH: _EVENT,
    13 << 3 | LENGTH: _LINK,
    15 << 3 | LENGTH: _STATUS,
}
_RECORD: Kind = _text(3, 12) | {5 << 3 | LENGTH: _VALUE, 6 << 3 | LENGTH: _ATTRIBUTE}
_IDS = {  # of a fixed length, never text
    id(_SPAN): {1 << 3 | LENGTH, 2 << 3 | LENGTH, 4 << 3 | LENGTH},
    id(_RECORD): {9 << 3 | LENGTH, 10 << 3 | LENGTH},
    id(_LINK): {1 << 3 | LENGTH, 2 << 3 | LENGTH},
}
_STEPS = 20_000  # fields that are passed in any request, and one more for each four bytes
_TIME = 1 << 3 | FIXED64
_FIRST, _SECOND, _THIRD = 1 << 3 | LENGTH, 2 << 3 | LENGTH, 3 << 3 | LENGTH


class Leaf(NamedTuple):
    """A string, a number, or an array of values, and where it stands.

    Attributes:
        kind: One of the constants above. OPAQUE is what no version of OTLP known here describes.
        start: First byte of the value.
        end: Behind its last one.
        key: Name of the attribute it is the value of, or stands below; "" for none.
        below: Offset behind the innermost attribute it stands in; 0 for none.
    """

    kind: str
    start: int
    end: int
    key: str = ""
    below: int = 0


_AT_ONCE = 64  # spans stepped over before it is asked whether that may be


class Leaves:
    """The strings of one ExportTraceServiceRequest or ExportLogsServiceRequest.

    Args:
        data: The request.
        allowance: What walking it may cost; None: as much as it takes.

    Raises:
        Malformed: From each method: the bytes are no such request, or one of so many fields that
            it is cheaper to open it than to look for something in it again and again.
        Spent: Likewise: the allowance does not suffice.
    """

    def __init__(self, data: bytes, allowance: Allowance | None = None) -> None:
        self._data = data
        self._allowance = allowance or Allowance()
        self._steps = _STEPS + len(data) // 4
        self._starts: list[int] = []
        self._sections: list[tuple[int, int, Any]] = []
        self._last: list[Leaf] = []
        self._index()

    def at(self, position: int) -> list[Leaf]:
        """The leaf that holds `position`: mostly one; none for framing, numbers and ids.

        Two where a span and a log record use the same field in two ways.
        """
        last = self._last
        if last and last[0].start <= position < last[0].end:
            return last  # many places stand in the same long text
        found = self._find(position)
        if len(found) == 1 and found[0].kind != ARRAY:  # which holds other leaves
            self._last = found
        return found

    def _find(self, position: int) -> list[Leaf]:
        index = bisect_right(self._starts, position) - 1
        if index < 0:
            return []
        start, end, kind = self._sections[index]
        if position >= end:
            return []
        if kind is TEXT or kind is OPAQUE:
            return [Leaf(str(kind), start, end)]
        kinds = self._kinds_of_item(start) if kind is None else (kind,)
        return [leaf for each in kinds for leaf in self._below(each, start, end, position)]

    def _kinds_of_item(self, start: int) -> tuple[Kind, ...]:
        """A span begins with its trace id, a log record with its time; what lacks both is asked
        as either."""
        first = self._data[start]
        return (_SPAN,) if first == _FIRST else (_RECORD,) if first == _TIME else (_SPAN, _RECORD)

    def _below(self, kind: Kind, start: int, end: int, position: int) -> list[Leaf]:
        key, below, data = "", 0, self._data
        while True:
            count = 0
            for tag, begin, low, high in fields(data, start, end):
                count += 1
                if kind is _ATTRIBUTE and tag == _FIRST and position >= high:
                    key, below = data[low:high].decode("utf-8", "replace"), end
                if begin <= position < high:
                    break
            else:
                return []
            self._stepped(count)
            inner = kind.get(tag)
            if isinstance(inner, str):
                if inner == KEY:
                    below = end
                return [Leaf(inner, low, high, key, below)]
            if inner is None:
                return [] if self._no_text(kind, tag) else [Leaf(OPAQUE, low, high)]
            if position < low:  # its tag or its length
                return [Leaf(ARRAY, low, high, key, below)] if inner is _ARRAY_KIND else []
            kind, start, end = inner, low, high

    def _stepped(self, count: int) -> None:
        """So many fields were passed on the way to one."""
        self._allowance.fields(count)
        self._steps -= count
        if self._steps < 0:
            raise Malformed("a message of very many fields")

    @staticmethod
    def _no_text(kind: Kind, tag: int) -> bool:
        return tag & 7 not in (LENGTH, GROUP) or tag in _IDS.get(id(kind), ())

    def _index(self) -> None:
        """Where resources, scopes, spans and log records stand."""
        for tag, _, low, high in fields(self._data):
            if tag != _FIRST:
                self._add(low, high, OPAQUE)
                continue
            for inner, _, start, end in fields(self._data, low, high):
                if inner == _SECOND:
                    self._index_scope(start, end)
                else:
                    self._add(start, end, {_FIRST: _RESOURCE, _THIRD: TEXT}.get(inner, OPAQUE))

    def _index_scope(self, start: int, end: int) -> None:
        data, at = self._data, start
        while at < end:
            at = self._index_spans(at, end)
            if at < end:
                tag, _, low, high = next(fields(data, at, end))
                kinds = {_FIRST: _SCOPE, _SECOND: None, _THIRD: TEXT}
                self._add(low, high, kinds.get(tag, OPAQUE))
                at = high

    def _index_spans(self, at: int, end: int) -> int:
        """Hundreds of spans one after another, without `fields`; where the first other one is."""
        data, starts, sections = self._data, self._starts, self._sections
        counted = len(starts)
        while at + 3 < end and data[at] == _SECOND:
            size, at = data[at + 1], at + 2
            if size >= 0x80:
                more, at = data[at], at + 1
                size = size & 0x7F | more << 7
                if more >= 0x80:
                    third, at = data[at], at + 1
                    size = size & 0x3FFF | third << 14
                    if third >= 0x80:
                        raise Malformed("a span of two megabytes or more")
            starts.append(at)
            sections.append((at, at + size, None))
            at += size
            if len(starts) - counted == _AT_ONCE:
                self._allowance.fields(_AT_ONCE)
                counted = len(starts)
        if at > end:
            raise Malformed("a field reaches past the end of its message")
        self._allowance.fields(len(starts) - counted)
        return at

    def _add(self, start: int, end: int, kind: Any) -> None:
        self._allowance.fields(1)
        self._starts.append(start)
        self._sections.append((start, end, kind))


def framed(item: bytes) -> bytes:
    """A serialised span or log record as the only one of a request."""
    for _ in range(2):
        item = b"\x12" + varint(len(item)) + item
    return b"\n" + varint(len(item)) + item


__all__ = ["Leaf", "Leaves", "framed"]
