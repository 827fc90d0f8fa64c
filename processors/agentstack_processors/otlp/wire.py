# SPDX-License-Identifier: Apache-2.0
"""Read and write the few protobuf wire elements that are handled without generated classes.

Source: https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, LENGTH, GROUP, END_GROUP, FIXED32 = range(6)
_MAX_VARINT = 10


class Malformed(ValueError):
    """The bytes end early or use a wire type that does not exist."""


def varint(number: int) -> bytes:
    """Encode a non-negative integer below 2**64."""
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def read_varint(data: bytes, at: int) -> tuple[int, int]:
    """Return (value, position after it). Raises Malformed."""
    value = shift = 0
    try:
        while True:
            byte = data[at]
            at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value & 0xFFFF_FFFF_FFFF_FFFF, at
            shift += 7
            if shift >= 7 * _MAX_VARINT:
                raise Malformed("a varint is longer than ten bytes")
    except IndexError:
        raise Malformed("the bytes end inside a varint") from None


def fields(
    data: bytes, start: int = 0, end: int | None = None
) -> Iterator[tuple[int, int, int, int]]:
    """Yield (tag, start of the field, start of its value, end of the field) for one message.

    For a length-delimited field the value starts after its length. Raises Malformed.
    """
    stop = len(data) if end is None else end
    at = start
    while at < stop:
        begin = at
        tag, at = read_varint(data, at)
        at, after = _value(data, tag, at)
        if after > stop or tag < 8:
            raise Malformed("a field reaches past the end of its message")
        yield tag, begin, at, after
        at = after


def _value(data: bytes, tag: int, at: int) -> tuple[int, int]:
    """Return (start of the value, end of the value)."""
    kind = tag & 7
    if kind == VARINT:
        return at, read_varint(data, at)[1]
    if kind == LENGTH:
        size, at = read_varint(data, at)
        return at, at + size
    if kind == FIXED64:
        return at, at + 8
    if kind == FIXED32:
        return at, at + 4
    if kind == GROUP:
        return at, _group(data, tag >> 3, at)
    raise Malformed(f"wire type {kind} does not exist")


def _group(data: bytes, number: int, at: int) -> int:
    """Skip a group (long deprecated, still legal as an unknown field); returns its end."""
    open_groups = [number]
    while open_groups:
        tag, at = read_varint(data, at)
        if tag & 7 == GROUP:
            open_groups.append(tag >> 3)
        elif tag & 7 == END_GROUP:
            if open_groups.pop() != tag >> 3:
                raise Malformed("a group is closed that was not open")
        else:
            at = _value(data, tag, at)[1]
    return at
