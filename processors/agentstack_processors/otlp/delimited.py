# SPDX-License-Identifier: Apache-2.0
"""Several serialised messages in one body: each behind its length as a varint.

This is protobuf's `writeDelimitedTo` and what ClickHouse calls `FORMAT Protobuf`.
"""

from __future__ import annotations

from collections.abc import Iterable

from agentstack_processors.otlp.wire import varint


def delimit(payloads: Iterable[bytes]) -> bytes:
    """The payloads one after the other, each preceded by its length."""
    parts: list[bytes] = []
    for payload in payloads:
        parts += (varint(len(payload)), payload)
    return b"".join(parts)
