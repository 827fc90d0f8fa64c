# SPDX-License-Identifier: Apache-2.0
"""OTLP/JSON to the protobuf bytes of the same request.

OTLP/JSON is proto3 JSON with three exceptions that make the stock converter wrong for it: ids are
hex instead of base64, enums are numbers, unknown fields are ignored. The bytes are written
straight from the parsed JSON by tables made from the message descriptors; no message object is
built. Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import orjson
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from agentstack_processors.otlp.canonical import MAX_DEPTH
from agentstack_processors.otlp.json_scalars import Invalid, Scalar, beyond_int64, scalar
from agentstack_processors.otlp.wire import LENGTH, varint
from agentstack_processors.verdicts import Reject

_REQUESTS: Mapping[str, Descriptor] = {
    "traces": ExportTraceServiceRequest.DESCRIPTOR,
    "logs": ExportLogsServiceRequest.DESCRIPTOR,
    "metrics": ExportMetricsServiceRequest.DESCRIPTOR,
}
_ANY_VALUE, _ARRAY, _MAP, _KEY_VALUE = (
    f"opentelemetry.proto.common.v1.{name}"
    for name in ("AnyValue", "ArrayValue", "KeyValueList", "KeyValue")
)


@dataclass(frozen=True, slots=True)
class _Field:
    """How one JSON member is written."""

    name: str
    tag: bytes
    repeated: bool
    message: Descriptor | None
    scalar: Scalar | None
    explicit: bool
    """Written even when it holds the default: members of a oneof and `optional` fields."""


def json_to_protobuf(signal: str, body: bytes) -> bytes:
    """Return the serialised export request that `body` spells in OTLP/JSON.

    Args:
        signal: "traces", "logs" or "metrics".
        body: JSON text, UTF-8. Broken UTF-8 and lone surrogates become U+FFFD.

    Raises:
        Reject: Not JSON, or not this message; the sentence names the member.
    """
    parsed = _loads(body)
    try:
        return _message(_REQUESTS[signal], parsed)
    except Invalid as bad:
        raise Reject(f"OTLP/JSON: {bad.where or 'the body'} {bad.why}") from None


def _loads(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as strict:
        # Slower, and forgiving where data would be lost: NaN literals, surrogates, broken UTF-8.
        try:
            return json.loads(body.decode(errors="replace"))
        except (ValueError, RecursionError):
            raise Reject(f"the body is not JSON: {strict}") from None


def _message(descriptor: Descriptor, value: Any, depth: int = 0) -> bytes:
    """Encode one JSON object."""
    if not isinstance(value, dict):
        raise Invalid(f"must be an object, got {_kind(value)}")
    if descriptor.full_name == _ANY_VALUE:
        return _any_value(value, depth)
    table = _table(descriptor)
    parts: list[bytes] = []
    for name, item in value.items():
        field = table.get(name)
        if field is None or item is None:  # unknown is ignored; null is absent in proto3 JSON
            continue
        try:
            _append(parts, field, item, depth)
        except Invalid as bad:
            raise bad.inside(name) from None
    return b"".join(parts)


def _append(parts: list[bytes], field: _Field, item: Any, depth: int) -> None:
    if not field.repeated:
        parts.append(_encode(field, item, depth))
        return
    if not isinstance(item, list):
        raise Invalid(f"must be an array, got {_kind(item)}")
    index = 0
    try:
        for index, element in enumerate(item):  # noqa: B007 - read when the complaint is written
            parts.append(_encode(field, element, depth, keep=True))
    except Invalid as bad:
        raise bad.inside(index) from None


def _encode(field: _Field, item: Any, depth: int, *, keep: bool = False) -> bytes:
    if field.message is not None:
        return _delimited(field.tag, _message(field.message, item, depth))
    assert field.scalar is not None
    data = field.scalar(item)
    if data is None:
        return field.tag + field.scalar.default if keep or field.explicit else b""
    return field.tag + data


def _delimited(tag: bytes, data: bytes) -> bytes:
    return tag + varint(len(data)) + data


def _any_value(value: dict[str, Any], depth: int) -> bytes:
    """Encode an AnyValue with one Python frame a level, because nesting is the sender's choice."""
    for name, item in value.items():
        if item is None:
            continue
        try:
            if name in ("arrayValue", "array_value"):
                return _delimited(b"\x2a", _array(item, depth + 1))
            if name in ("kvlistValue", "kvlist_value"):
                return _delimited(b"\x32", _map(item, depth + 1))
            field = _table(_common(_ANY_VALUE)).get(name)
            if field is not None:
                return _scalar_value(field, item, depth)
        except Invalid as bad:
            raise bad.inside(name) from None
    return b""


def _scalar_value(field: _Field, item: Any, depth: int) -> bytes:
    """Encode what is no array and no map; a whole number too big for an integer as a double."""
    if field.name == "int_value" and (number := beyond_int64(item)) is not None:
        field, item = _table(_common(_ANY_VALUE))["double_value"], number
    return _encode(field, item, depth)


def _array(value: Any, depth: int) -> bytes:
    parts = []
    for item in _values(value, depth):  # no comprehension: it would cost a frame a level
        parts.append(_delimited(b"\x0a", _any_value(_object(item), depth)))  # noqa: PERF401
    return b"".join(parts)


def _map(value: Any, depth: int) -> bytes:
    parts = []
    for item in _values(value, depth):
        member = _object(item)
        key = _table(_common(_KEY_VALUE))["key"]
        text = member.get("key")
        data = b"" if text is None else _encode(key, text, depth)
        if member.get("value") is not None:
            data += _delimited(b"\x12", _any_value(_object(member["value"]), depth))
        parts.append(_delimited(b"\x0a", data))
    return b"".join(parts)


def _values(value: Any, depth: int) -> list[Any]:
    if depth > MAX_DEPTH:
        raise Invalid(f"is nested deeper than {MAX_DEPTH} levels")
    values = _object(value).get("values")
    if values is None:
        return []
    if not isinstance(values, list):
        raise Invalid(f"must hold an array named values, got {_kind(values)}")
    return values


def _object(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise Invalid(f"must be an object, got {_kind(value)}")
    return value


def _kind(value: Any) -> str:
    kinds = {dict: "an object", list: "an array", str: "a string", bool: "a boolean"}
    return kinds.get(type(value), "null" if value is None else "a number")


@cache
def _common(full_name: str) -> Descriptor:
    pool = ExportTraceServiceRequest.DESCRIPTOR.file.pool
    found: Descriptor = pool.FindMessageTypeByName(full_name)
    return found


@cache
def _table(descriptor: Descriptor) -> dict[str, _Field]:
    """Return JSON name → field, for both lowerCamelCase and the name in the .proto file."""
    table: dict[str, _Field] = {}
    for field in descriptor.fields:
        entry = _field(field)
        table[field.name] = table[field.json_name] = entry
    return table


def _field(field: FieldDescriptor) -> _Field:
    message = field.message_type
    convert = None if message is not None else scalar(field)
    wire_type = LENGTH if convert is None else convert.wire_type
    return _Field(
        name=field.name,
        tag=varint(field.number << 3 | wire_type),
        repeated=field.is_repeated,
        message=message,
        scalar=convert,
        explicit=field.has_presence,
    )


__all__ = ["json_to_protobuf"]
