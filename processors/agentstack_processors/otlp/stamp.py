# SPDX-License-Identifier: Apache-2.0
"""Append who sent a request and when it came, as two extra top-level protobuf fields.

OTLP has no place for a tenant. The request message is extensible, so the gateway adds fields
15100 `project` (string) and 15101 `received_at` (fixed64, ns since the epoch). The decoder in SQL
declares them; everybody else skips them as unknown. What a client sends under these numbers is
stripped first: a tenant must not be forgeable, and ClickHouse reads a repeated scalar as empty.
"""

from __future__ import annotations

import struct

from agentstack_processors.otlp.wire import FIXED64, LENGTH, Malformed, fields, varint
from agentstack_processors.verdicts import Reject

PROJECT_FIELD = 15100
RECEIVED_AT_FIELD = 15101
_STAMPED = (PROJECT_FIELD, RECEIVED_AT_FIELD)
_PROJECT_TAG = varint(PROJECT_FIELD << 3 | LENGTH)
_RECEIVED_AT_TAG = varint(RECEIVED_AT_FIELD << 3 | FIXED64)


def stamp(payload: bytes, project: str, received_at: int) -> bytes:
    """Return `payload` with exactly one stamp.

    Args:
        payload: A serialised export request of any signal.
        project: Tenant the caller was authenticated for.
        received_at: Nanoseconds since the epoch.

    Raises:
        Reject: The bytes are not a protobuf message.
    """
    name = project.encode()
    return b"".join(
        (
            *unstamped(payload),
            _PROJECT_TAG,
            varint(len(name)),
            name,
            _RECEIVED_AT_TAG,
            struct.pack("<Q", received_at),
        )
    )


def unstamped(payload: bytes) -> list[bytes | memoryview]:
    """Return the pieces of `payload` between fields that carry the stamp's numbers.

    Only top-level fields are walked: one step for each resource, however many spans it holds.
    """
    pieces: list[bytes | memoryview] = []
    view = memoryview(payload)
    kept = 0
    try:
        for tag, begin, _, end in fields(payload):
            if tag >> 3 in _STAMPED:
                pieces.append(view[kept:begin])
                kept = end
    except Malformed as bad:
        raise Reject(f"not a protobuf message: {bad}") from None
    if not kept:
        return [payload]
    pieces.append(view[kept:])
    return pieces


def read_stamp(payload: bytes) -> tuple[str, int]:
    """Return (project, received_at) of a stamped payload; ("", 0) where it has none."""
    project, received_at = "", 0
    for tag, _, start, end in fields(payload):
        if tag == PROJECT_FIELD << 3 | LENGTH:
            project = payload[start:end].decode(errors="replace")
        elif tag == RECEIVED_AT_FIELD << 3 | FIXED64:
            (received_at,) = struct.unpack("<Q", payload[start:end])
    return project, received_at
