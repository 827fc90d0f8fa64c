# SPDX-License-Identifier: Apache-2.0
"""The little of the protobuf wire format a client must read: answers, and cutting a request in two.

Pure Python, so that the SDK needs no protobuf library.
"""

from __future__ import annotations

from collections.abc import Iterator

from agentstack_processors.otlp import wire


def fields(data: bytes) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Yield (field number, wire type, value, whole field) of a message.

    `value` is the content of a length-delimited field, else the undecoded bytes.

    Raises:
        ValueError: The bytes are not a protobuf message.
    """
    for tag, start, at, end in wire.fields(data):
        yield tag >> 3, tag & 7, data[at:end], data[start:end]


def partial_success(answer: bytes) -> tuple[int, str]:
    """(rejected spans, message) of an ExportTraceServiceResponse; (0, "") when there is none."""
    try:
        for number, _, value, _ in fields(answer):
            if number == 1:
                return _rejection(value)
    except ValueError:  # JSON, HTML or nothing: the status already said that it was taken
        pass
    return 0, ""


def _rejection(data: bytes) -> tuple[int, str]:
    rejected, message = 0, ""
    for number, kind, value, _ in fields(data):
        if number == 1 and kind == wire.VARINT:
            rejected = wire.read_varint(value, 0)[0]
        elif number == 2 and kind == wire.LENGTH:
            message = value.decode("utf-8", "replace")
    return rejected, message


def status_message(answer: bytes) -> str:
    """The message of a `google.rpc.Status`, or the head of whatever text was answered."""
    try:
        for number, kind, value, _ in fields(answer):
            if number == 2 and kind == wire.LENGTH:
                return value.decode("utf-8", "replace")[:500]
    except ValueError:
        pass
    return answer[:200].decode("utf-8", "replace") or "no reason given"


def halves(payload: bytes) -> tuple[tuple[bytes, int], tuple[bytes, int]] | None:
    """Cut an ExportTraceServiceRequest into two with half of the spans each; None for one span.

    Returns:
        Two pairs of payload and number of spans. Fields that are not known are kept in both.

    Raises:
        ValueError: The payload is not a protobuf message.
    """
    spans = [
        (resource, scope, span)
        for number, _, value, _ in fields(payload)
        if number == 1
        for resource, inner in [_parted(value)]
        for group in inner
        for scope, members in [_parted(group)]
        for span in members
    ]
    if len(spans) < 2:
        return None
    rest = b"".join(whole for number, _, _, whole in fields(payload) if number != 1)
    middle = len(spans) // 2
    first, second = spans[:middle], spans[middle:]
    return (_joined(first) + rest, len(first)), (_joined(second) + rest, len(second))


def _parted(data: bytes) -> tuple[bytes, list[bytes]]:
    """A ResourceSpans or ScopeSpans as its other fields and the contents of its field 2."""
    head, inner = [], []
    for number, _, value, whole in fields(data):
        if number == 2:
            inner.append(value)
        else:
            head.append(whole)
    return b"".join(head), inner


def _joined(spans: list[tuple[bytes, bytes, bytes]]) -> bytes:
    tree: dict[bytes, dict[bytes, list[bytes]]] = {}
    for resource, scope, span in spans:
        tree.setdefault(resource, {}).setdefault(scope, []).append(_framed(b"\x12", span))
    return b"".join(
        _framed(
            b"\x0a",
            resource
            + b"".join(
                _framed(b"\x12", scope + b"".join(group)) for scope, group in groups.items()
            ),
        )
        for resource, groups in tree.items()
    )


def _framed(tag: bytes, data: bytes) -> bytes:
    return tag + wire.varint(len(data)) + data


__all__ = ["fields", "halves", "partial_success", "status_message"]
