# SPDX-License-Identifier: Apache-2.0
"""Redaction of whole OTLP requests: every string at every depth, or nothing leaves.

Spans and log records are asked one by one whether they need opening (`suspicious`, some
microseconds), so that one address in a batch of 512 does not cost 512 openings.

Works on any message by its descriptor, so that a string field which OpenTelemetry adds tomorrow is
scrubbed on the day the generated code knows it. Fields this version does not know cannot be read:
when the request still looks suspicious after scrubbing, they are taken out.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from agentstack_processors.redaction.arrays import scrub_array
from agentstack_processors.redaction.keys import names_a_secret
from agentstack_processors.redaction.leaves import framed
from agentstack_processors.redaction.numbers import scrub_number
from agentstack_processors.verdicts import Reject

FAILED = "[REDACTION_FAILED]"


class Scrubber(Protocol):
    """What is needed of `agentstack_processors.redaction.Redactor`."""

    def scrub(self, text: str) -> str:
        """`text` without secrets."""
        ...

    def scrub_attribute(self, key: str, text: str) -> str:
        """The same for the value of a named attribute."""
        ...

    def scrub_parts(self, parts: Sequence[str]) -> list[str]:
        """The same for texts that follow one another."""
        ...

    def suspicious(self, data: bytes) -> bool:
        """False proves that scrubbing would change no string in `data`."""
        ...


def scrub_traces(payload: bytes, redactor: Scrubber) -> bytes:
    """The ExportTraceServiceRequest in `payload` without secrets.

    Args:
        payload: A serialised request.
        redactor: Decides over each string.

    Raises:
        Reject: The bytes are no such request. Nothing of them may be passed on.
    """
    return _scrub(ExportTraceServiceRequest(), payload, redactor)


def scrub_logs(payload: bytes, redactor: Scrubber) -> bytes:
    """The same for an ExportLogsServiceRequest."""
    return _scrub(ExportLogsServiceRequest(), payload, redactor)


def _scrub(request: Message, payload: bytes, redactor: Scrubber) -> bytes:
    try:
        request.ParseFromString(payload)
    except DecodeError as error:
        raise Reject("the request is no valid OTLP protobuf and cannot be redacted") from error
    _message(request, redactor)
    clean = request.SerializeToString()
    if redactor.suspicious(clean):
        request.DiscardUnknownFields()
        clean = request.SerializeToString()
    return clean


def _message(message: Message, redactor: Scrubber) -> None:
    for field, value in message.ListFields():
        if isinstance(value, str):
            clean = redactor.scrub(value)
            if clean != value:
                setattr(message, field.name, clean)
        elif isinstance(value, Message):
            _message_or_value(value, redactor)
        elif not isinstance(value, (bytes, int, float)):
            _repeated(value, redactor)


def _repeated(values: Any, redactor: Scrubber) -> None:
    for index, value in enumerate(values):
        if isinstance(value, KeyValue):
            _attribute(value, redactor, secret=False)
        elif isinstance(value, (Span, LogRecord)):
            _item(value, redactor)
        elif isinstance(value, Message):
            _message_or_value(value, redactor)
        elif isinstance(value, str):
            values[index] = redactor.scrub(value)
        else:
            return


def _item(item: Any, redactor: Scrubber) -> None:
    """A span or a log record. One that cannot be scrubbed keeps its ids and times, and no text."""
    if not redactor.suspicious(framed(item.SerializeToString())):
        return
    try:
        _message(item, redactor)
    except Exception:
        _withhold(item)


def _withhold(message: Message) -> None:
    for field, value in message.ListFields():
        if isinstance(value, str):
            setattr(message, field.name, FAILED)
        elif not isinstance(value, (bytes, int, float)):
            message.ClearField(field.name)
    if isinstance(message, Span):
        message.name = FAILED


def _message_or_value(message: Message, redactor: Scrubber) -> None:
    if isinstance(message, AnyValue):
        _value(message, "", redactor, secret=False)
    else:
        _message(message, redactor)


def _attribute(attribute: KeyValue, redactor: Scrubber, *, secret: bool, within: str = "") -> None:
    key = attribute.key
    if attribute.HasField("value"):
        # What stands below a secret's name is part of the secret ({"credentials": {"user": …}}),
        # and what stands below a name for content is content.
        below = secret or names_a_secret(key)
        _value(attribute.value, within or key, redactor, secret=below, name=key)
    clean = redactor.scrub(key)
    if clean != key:
        attribute.key = clean


def _value(value: AnyValue, key: str, redactor: Scrubber, *, secret: bool, name: str = "") -> None:
    """`key` is what a policy goes by, `name` that of the innermost attribute."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        text = value.string_value
        clean = redactor.scrub_attribute("password" if secret else key, text)
        if clean != text:
            value.string_value = clean
    elif kind == "bytes_value":
        value.bytes_value = _bytes(value.bytes_value, key, redactor, secret=secret)
    elif kind == "array_value":
        _array(value.array_value.values, key, redactor, secret=secret, name=name)
    elif kind == "kvlist_value":
        for attribute in value.kvlist_value.values:
            _attribute(attribute, redactor, secret=secret, within=key)
    elif kind in ("int_value", "double_value"):
        _number(value, getattr(value, kind), name or key, redactor, secret=secret)


def _number(value: AnyValue, number: float, name: str, redactor: Scrubber, *, secret: bool) -> None:
    if secret:
        value.string_value = redactor.scrub_attribute("password", str(number))
    elif (clean := scrub_number(name, number, redactor.scrub)) is not None:
        value.string_value = clean


def _array(values: Any, key: str, redactor: Scrubber, *, secret: bool, name: str) -> None:
    texts = [value.string_value for value in values if value.HasField("string_value")]
    if secret or len(texts) < 2 or len(texts) < len(values):
        for value in values:
            _value(value, key, redactor, secret=secret, name=name)
        return
    for value, clean in zip(values, scrub_array(redactor, key, texts), strict=True):
        if value.string_value != clean:
            value.string_value = clean


def _bytes(data: bytes, key: str, redactor: Scrubber, *, secret: bool) -> bytes:
    """Text in bytes is text; in anything else, ASCII secrets are found and the rest kept."""
    try:
        encoding, text = "utf-8", data.decode("utf-8")
    except UnicodeDecodeError:
        encoding, text = "latin-1", data.decode("latin-1")
    clean = redactor.scrub_attribute("password" if secret else key, text)
    return data if clean == text else clean.encode(encoding)
