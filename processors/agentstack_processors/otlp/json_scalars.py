# SPDX-License-Identifier: Apache-2.0
"""One JSON scalar to its protobuf wire bytes, by the type of the field it is meant for."""

from __future__ import annotations

import base64
import binascii
import struct
from collections.abc import Callable, Mapping
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor

from agentstack_processors.otlp.wire import FIXED32, FIXED64, LENGTH, VARINT, varint

_ID_FIELDS = frozenset(("trace_id", "span_id", "parent_span_id"))


class Invalid(Exception):
    """A JSON member is not what its field needs; collects the path to it while unwinding."""

    def __init__(self, why: str, where: str = "") -> None:
        super().__init__(why)
        self.why = why
        self.where = where

    def inside(self, step: str | int) -> Invalid:
        """Return the same complaint one level further out."""
        head = f"[{step}]" if isinstance(step, int) else step
        dot = "" if not self.where or self.where.startswith("[") else "."
        return Invalid(self.why, f"{head}{dot}{self.where}")


class Scalar:
    """Converter of one field: JSON value → wire bytes after the tag, None for the default."""

    __slots__ = ("_convert", "default", "wire_type")

    def __init__(self, wire_type: int, default: bytes, convert: Callable[[Any], bytes]) -> None:
        self.wire_type = wire_type
        self.default = default
        self._convert = convert

    def __call__(self, value: Any) -> bytes | None:
        """Convert one value. Raises Invalid."""
        data = self._convert(value)
        return None if data == self.default else data


def scalar(field: FieldDescriptor) -> Scalar:
    """Return the converter for a field that is not a message."""
    if field.type == FieldDescriptor.TYPE_BYTES:
        return Scalar(LENGTH, b"\x00", _hex_id if field.name in _ID_FIELDS else _base64)
    if field.enum_type is not None:
        return Scalar(VARINT, b"\x00", _enum(field.enum_type))
    return _SCALARS[field.type]()


def _show(value: Any) -> str:
    """What came, without quoting it: it may be a secret, and senders log our answers."""
    if isinstance(value, str):
        return f"a string of {len(value)} characters"
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (int, float)):
        return "a number"
    return "an array" if isinstance(value, list) else "an object"


def _delimited(data: bytes) -> bytes:
    return varint(len(data)) + data


def _string(value: Any) -> bytes:
    if not isinstance(value, str):
        raise Invalid(f"must be a string, got {_show(value)}")
    try:
        return _delimited(value.encode())
    except UnicodeEncodeError:  # a lone surrogate, which JSON can spell and UTF-8 cannot
        return _delimited(value.encode("utf-8", "surrogatepass").decode(errors="replace").encode())


def _hex_id(value: Any) -> bytes:
    try:
        return _delimited(binascii.unhexlify(value)) if isinstance(value, str) else _no_hex(value)
    except ValueError:
        return _no_hex(value)


def _no_hex(value: Any) -> bytes:
    raise Invalid(f"must be hex digits (OTLP/JSON ids are hex, not base64), got {_show(value)}")


def _base64(value: Any) -> bytes:
    """Accept the standard and the URL-safe alphabet, padded or not, as proto3 JSON does."""
    if not isinstance(value, str):
        raise Invalid(f"must be a base64 string, got {_show(value)}")
    text = value.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return _delimited(base64.b64decode(text + "=" * (-len(text) % 4), validate=True))
    except ValueError:
        raise Invalid(f"must be base64, got {_show(value)}") from None


def _whole(value: Any) -> int:
    """Read a 64-bit integer written as a number or a decimal string."""
    if isinstance(value, str):
        try:
            return int(value) if value.isascii() else int("")
        except ValueError:
            raise Invalid(f"must be an integer, got {_show(value)}") from None
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Invalid(f"must be an integer, got {_show(value)}")
    return value


def beyond_int64(value: Any) -> int | None:
    """Return the whole number that `value` spells if 64 bits cannot hold it, else None.

    JavaScript has one kind of number: its exporters send each whole one as an integer, 1e21 too.
    """
    try:
        number = _whole(value)
    except Invalid:
        return None
    return None if -(1 << 63) <= number < 1 << 63 else number


def _integer(low: int, high: int, pack: Callable[[int], bytes]) -> Callable[[Any], bytes]:
    def convert(value: Any) -> bytes:
        number = _whole(value)
        if not low <= number <= high:
            raise Invalid(f"must lie between {low} and {high}")
        return pack(number)

    return convert


def _twos_complement(number: int) -> bytes:
    return varint(number & 0xFFFF_FFFF_FFFF_FFFF)


def _zigzag(number: int) -> bytes:
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _boolean(value: Any) -> bytes:
    if not isinstance(value, bool):
        raise Invalid(f"must be true or false, got {_show(value)}")
    return b"\x01" if value else b"\x00"


def _double(value: Any) -> bytes:
    """Numbers, and proto3's strings: "NaN", "Infinity", "-Infinity", "1.5"."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        raise Invalid(f"must be a number, got {_show(value)}")
    try:
        return struct.pack("<d", float(value))
    except (ValueError, OverflowError):
        raise Invalid(f"must be a number, got {_show(value)}") from None


def _enum(kind: EnumDescriptor) -> Callable[[Any], bytes]:
    """Numbers as the specification says; names too, because stock proto3 JSON writes them."""
    names: Mapping[str, int] = {value.name: value.number for value in kind.values}
    number = _integer(-(1 << 31), (1 << 31) - 1, _twos_complement)

    def convert(value: Any) -> bytes:
        return _twos_complement(names[value]) if value in names else number(value)

    def guarded(value: Any) -> bytes:
        if isinstance(value, (dict, list)):
            raise Invalid(f"must be an enum number or name of {kind.name}")
        return convert(value)

    return guarded


_F = FieldDescriptor
_I64, _U64 = (-(1 << 63), (1 << 63) - 1), (0, (1 << 64) - 1)
_I32, _U32 = (-(1 << 31), (1 << 31) - 1), (0, (1 << 32) - 1)
_SCALARS: Mapping[int, Callable[[], Scalar]] = {
    _F.TYPE_STRING: lambda: Scalar(LENGTH, b"\x00", _string),
    _F.TYPE_BOOL: lambda: Scalar(VARINT, b"\x00", _boolean),
    _F.TYPE_DOUBLE: lambda: Scalar(FIXED64, bytes(8), _double),
    _F.TYPE_INT64: lambda: Scalar(VARINT, b"\x00", _integer(*_I64, _twos_complement)),
    _F.TYPE_INT32: lambda: Scalar(VARINT, b"\x00", _integer(*_I32, _twos_complement)),
    _F.TYPE_UINT64: lambda: Scalar(VARINT, b"\x00", _integer(*_U64, varint)),
    _F.TYPE_UINT32: lambda: Scalar(VARINT, b"\x00", _integer(*_U32, varint)),
    _F.TYPE_SINT32: lambda: Scalar(VARINT, b"\x00", _integer(*_I32, _zigzag)),
    _F.TYPE_FIXED32: lambda: Scalar(FIXED32, bytes(4), _integer(*_U32, struct.Struct("<I").pack)),
    _F.TYPE_FIXED64: lambda: Scalar(FIXED64, bytes(8), _integer(*_U64, struct.Struct("<Q").pack)),
    _F.TYPE_SFIXED64: lambda: Scalar(FIXED64, bytes(8), _integer(*_I64, struct.Struct("<q").pack)),
}
