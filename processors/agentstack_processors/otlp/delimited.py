# SPDX-License-Identifier: Apache-2.0
"""Several serialised messages in one body: each behind its length as a varint.

This is protobuf's `writeDelimitedTo` and what ClickHouse calls `FORMAT Protobuf`.
"""

from __future__ import annotations

from collections.abc import Iterable


def delimit(payloads: Iterable[bytes]) -> bytes:
    """The payloads one after the other, each preceded by its length."""
    parts: list[bytes] = []
    for payload in payloads:
        parts += (varint(len(payload)), payload)
    return b"".join(parts)


def varint(number: int) -> bytes:
    """Protobuf's base-128 encoding of a number that is not negative."""
    encoded = bytearray()
    while number > 0x7F:
        encoded.append(number & 0x7F | 0x80)
        number >>= 7
    encoded.append(number)
    return bytes(encoded)
