# SPDX-License-Identifier: Apache-2.0
"""Turn values that the decoder in SQL cannot express into their JSON text, losing nothing.

An AnyValue may nest without end; a table's structure may not. The gateway therefore replaces maps
and arrays in arrays by a string holding compact JSON, which is the very text the store would show
for them. The work happens on wire bytes, one Python frame a level, so that neither protobuf's
limit of 100 messages nor Python's stack decides how deep an attribute may be.
"""

from __future__ import annotations

import base64
import math
import struct
from collections import Counter
from decimal import Decimal
from typing import Any

from agentstack_processors.otlp.shapes import STRING_FIELDS
from agentstack_processors.otlp.wire import LENGTH, Malformed, fields, read_varint
from agentstack_processors.verdicts import Reject

MAX_DEPTH = 256
"""Levels of arrays and maps in one attribute; spans with deeper ones are rejected."""
_ITEMS = ("spans", "log_records")

_STRING, _BOOL, _INT, _DOUBLE, _ARRAY, _KVLIST, _BYTES = (
    1 << 3 | LENGTH,
    2 << 3,
    3 << 3,
    4 << 3 | 1,
    5 << 3 | LENGTH,
    6 << 3 | LENGTH,
    7 << 3 | LENGTH,
)
_MEMBERS = frozenset((_STRING, _BOOL, _INT, _DOUBLE, _ARRAY, _KVLIST, _BYTES))
_FIRST, _SECOND = 1 << 3 | LENGTH, 2 << 3 | LENGTH
_ESCAPES = {
    **{code: f"\\u{code:04X}" for code in (*range(0x20), 0x2028, 0x2029)},
    **{ord(raw): f"\\{letter}" for raw, letter in zip('\b\f\n\r\t"\\', 'bfnrt"\\', strict=True)},
}
"""What ClickHouse's toJSONString escapes, so that both roads to JSON write the same text."""
_PLAIN_FROM, _PLAIN_TO = -6, 21  # where ECMAScript and ClickHouse begin to write an exponent


class TooDeep(Reject):
    """A value is nested deeper than MAX_DEPTH."""


def flatten(request: Any) -> Counter[str]:
    """Rewrite, in place, each value of a loose request that is not a scalar or a flat array.

    Spans and log records with a value that is nested deeper than MAX_DEPTH are deleted.

    Returns:
        How many were, by reason.

    Raises:
        Reject: A value is malformed, or one outside of spans is nested too deep.
    """
    faults: Counter[str] = Counter()
    _visit(request, faults, repair=False)
    return faults


def repair(request: Any) -> Counter[str]:
    """As `flatten`, and replace what is not UTF-8 by U+FFFD in every string of the request."""
    faults: Counter[str] = Counter()
    _visit(request, faults, repair=True)
    return faults


def _visit(message: Any, faults: Counter[str], *, repair: bool) -> None:
    """Walk a loose message; its depth is that of OTLP without values, about six."""
    if message.DESCRIPTOR.name == "AnyValue":
        _canonicalise(message)
    for field, value in message.ListFields():
        if field.message_type is not None:
            if field.name in _ITEMS:
                _visit_items(value, faults, repair=repair)
                continue
            for inner in value if field.is_repeated else (value,):
                _visit(inner, faults, repair=repair)
        elif repair and field.full_name in STRING_FIELDS:
            _repair_field(message, field, value)


def _visit_items(items: Any, faults: Counter[str], *, repair: bool) -> None:
    """Spans or log records: one that nobody could store does not take its neighbours along."""
    for index in reversed(range(len(items))):
        try:
            _visit(items[index], faults, repair=repair)
        except TooDeep as bad:  # noqa: PERF203 - as many as there are spans, none of them hot
            faults[bad.reason] += 1
            del items[index]


def _repair_field(message: Any, field: Any, value: Any) -> None:
    if field.is_repeated:
        value[:] = [_clean(item) for item in value]
    else:
        setattr(message, field.name, _clean(value))


def _clean(text: bytes) -> bytes:
    return text.decode(errors="replace").encode()


def _canonicalise(value: Any) -> None:
    """Replace a loose AnyValue's map or nested array by its JSON text."""
    kind = value.WhichOneof("value")
    if kind not in ("array_value", "kvlist_value"):
        return
    raw: bytes = getattr(value, kind)
    try:
        if kind == "array_value" and _is_flat(raw):
            return
        text = _array(raw, 0, len(raw), 1) if kind == "array_value" else _map(raw, 0, len(raw), 1)
    except Malformed as bad:
        raise Reject(f"not OTLP: an attribute's value is malformed: {bad}") from None
    value.string_value = text.encode()


def _is_flat(array: bytes) -> bool:
    """Tell whether an ArrayValue holds only scalars whose strings are UTF-8."""
    for tag, _, start, end in fields(array):
        if tag != _FIRST:
            continue
        for member, _, low, high in fields(array, start, end):
            if member in (_ARRAY, _KVLIST):
                return False
            if member == _STRING and not _is_utf8(array[low:high]):
                return False
    return True


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def any_value_json(data: bytes, start: int = 0, end: int | None = None, depth: int = 0) -> str:
    """Return compact JSON for one serialised AnyValue.

    An empty value is `null`; bytes are base64 strings; NaN and infinities, which JSON lacks, are
    strings.

    Raises:
        Malformed: The bytes are not an AnyValue.
        Reject: Nested deeper than MAX_DEPTH.
    """
    kind = low = high = 0
    for tag, _, at, after in fields(data, start, len(data) if end is None else end):
        if tag in _MEMBERS:  # a oneof: the last one sent counts
            kind, low, high = tag, at, after
    if kind == _ARRAY:
        return _array(data, low, high, depth + 1)
    if kind == _KVLIST:
        return _map(data, low, high, depth + 1)
    return _scalar(data, kind, low, high)


def _scalar(data: bytes, kind: int, low: int, high: int) -> str:
    if kind == _STRING:
        return _quoted(data[low:high].decode(errors="replace"))
    if kind == _BYTES:
        return f'"{base64.b64encode(data[low:high]).decode()}"'
    if kind == _BOOL:
        return "true" if read_varint(data, low)[0] else "false"
    if kind == _INT:
        number = read_varint(data, low)[0]
        return str(number - (1 << 64) if number >> 63 else number)
    if kind == _DOUBLE:
        (value,) = struct.unpack("<d", data[low:high])
        return double_text(value) if math.isfinite(value) else f'"{double_text(value)}"'
    return "null"


def _array(data: bytes, start: int, end: int, depth: int) -> str:
    _check(depth)
    items = []
    for tag, _, low, high in fields(data, start, end):
        if tag == _FIRST:  # no comprehension: it would cost a frame a level
            items.append(any_value_json(data, low, high, depth))
    return f"[{','.join(items)}]"


def _map(data: bytes, start: int, end: int, depth: int) -> str:
    """Write a KeyValueList as an object; a key sent twice stays twice, in order."""
    _check(depth)
    members = []
    for tag, _, low, high in fields(data, start, end):
        if tag != _FIRST:
            continue
        key, text = "", "null"
        for part, _, at, after in fields(data, low, high):
            if part == _FIRST:
                key = data[at:after].decode(errors="replace")
            elif part == _SECOND:
                text = any_value_json(data, at, after, depth)
        members.append(f"{_quoted(key)}:{text}")
    return "{" + ",".join(members) + "}"


def _check(depth: int) -> None:
    if depth > MAX_DEPTH:
        raise TooDeep(f"an attribute is nested deeper than {MAX_DEPTH} levels")


def _quoted(text: str) -> str:
    return f'"{text.translate(_ESCAPES)}"'


def double_text(value: float) -> str:
    """Return the shortest text that reads back as `value`, written as ClickHouse writes it."""
    if not math.isfinite(value):
        return "nan" if math.isnan(value) else "inf" if value > 0 else "-inf"
    number = Decimal(repr(value))
    if not number:
        return "-0" if number.is_signed() else "0"
    point = number.adjusted()
    if _PLAIN_FROM <= point < _PLAIN_TO:
        text = f"{number:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    digits = "".join(map(str, number.as_tuple().digits)).rstrip("0")
    fraction = f".{digits[1:]}" if len(digits) > 1 else ""
    return f"{'-' if number.is_signed() else ''}{digits[0]}{fraction}e{point}"
