# SPDX-License-Identifier: Apache-2.0
"""Decompress a body without letting it decide how much memory that takes.

gRPC messages come through here too: grpcio is told to leave them compressed, because its own
decompression works in small slices (three times the CPU of zlib in one piece) and grows a message
to the size cap before anybody could refuse it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable

from agentstack_processors.verdicts import Reject

from agentstack_otel.collector.admission import Config, too_large

GZIP_MAGIC = b"\x1f\x8b"
_GZIP, _ZLIB, _RAW = 31, 15, -15  # zlib's wbits: which wrapper to expect
_STEP = 1 << 20
_NAME = re.compile("[a-z-]{1,16}")
_ENCODINGS = {"gzip": _GZIP, "x-gzip": _GZIP, "deflate": _ZLIB}

Grow = Callable[[int], None]


def inflate(data: bytes, encoding: str, limits: Config, grow: Grow) -> bytes:
    """Return the decompressed body.

    Args:
        data: The body as it came.
        encoding: Value of Content-Encoding; "" and "identity" mean as is.
        limits: Caps on absolute size and on ratio.
        grow: Called with the size of each piece before the next is made; may raise Retry.

    Raises:
        Reject: Unknown encoding, broken stream, or over a cap.
    """
    if encoding in ("", "identity"):
        return data
    wrapper = _ENCODINGS.get(encoding)
    if wrapper is None:
        # only what looks like a name is repeated: senders log our answers
        named = repr(encoding) if _NAME.fullmatch(encoding) else "of the request"
        raise Reject(f"Content-Encoding {named} is not supported; send gzip, deflate or none")
    if wrapper == _ZLIB and not _has_zlib_header(data):
        wrapper = _RAW  # what some clients mean by "deflate"
    try:
        return _inflate(data, wrapper, limits, grow)
    except zlib.error as bad:
        raise Reject(f"the body is not valid {encoding}: {bad}") from None


def inflate_grpc(message: bytes, limits: Config, grow: Grow) -> bytes:
    """Return a gRPC message decompressed, if it is compressed at all.

    The flag that says so is gone by the time Python sees the bytes, but they speak for
    themselves: gzip's first byte is no possible start of a protobuf message. zlib's is, in theory
    (field 15 as a varint), so there a failure to decompress means that the message is plain.
    """
    if message[:2] == GZIP_MAGIC:
        return inflate(message, "gzip", limits, grow)
    if _has_zlib_header(message):
        try:
            return _inflate(message, _ZLIB, limits, grow)
        except zlib.error:
            return message
        except Reject as bad:
            if bad.too_large:
                raise
            return message
    return message


def _has_zlib_header(data: bytes) -> bool:
    return len(data) > 1 and data[0] & 0x0F == 8 and (data[0] << 8 | data[1]) % 31 == 0


def _inflate(data: bytes, wrapper: int, limits: Config, grow: Grow) -> bytes:
    cap = min(limits.request, max(limits.ratio_from, limits.ratio * len(data)))
    pieces: list[bytes] = []
    size = 0
    while data:
        stream = zlib.decompressobj(wrapper)
        while not stream.eof:
            step = _STEP if pieces else max(_STEP, 8 * len(data))
            piece = stream.decompress(data, min(step, cap - size + 1))
            data = stream.unconsumed_tail
            if not piece and not data and not stream.eof:
                raise Reject("the compressed body ends too early")
            size += len(piece)
            if size > cap:
                raise too_large(f"more than {cap}", cap, "the decompressed body")
            grow(len(piece))
            pieces.append(piece)
        data = stream.unused_data  # gzip allows several members one after another
    return pieces[0] if len(pieces) == 1 else b"".join(pieces)
