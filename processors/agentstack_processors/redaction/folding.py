# SPDX-License-Identifier: Apache-2.0
"""One pass that makes many spellings one, so that the cheap questions need not be asked twice.

Letters become small, digits `0`, separators `-`, quotes, backslashes and control characters `"`.
One `bytes.translate` costs about a nanosecond a byte; what follows is substring search. Folding
keeps length, so a position in the folded text is a position in the text.
"""

from __future__ import annotations

_SEPARATORS = frozenset(b" -._\xa0?")  # "?": what a character outside Latin-1 is encoded as
_QUOTES = frozenset(b"\"'\\")


def _folded(byte: int) -> int:
    if byte in b"0123456789":
        return ord("0")
    if byte in _SEPARATORS:
        return ord("-")
    if byte in _QUOTES or byte < 0x20:
        return ord('"')
    return ord(chr(byte).lower()) if byte < 0x80 else byte


TABLE = bytes(_folded(byte) for byte in range(256))


def fold(text: str) -> bytes:
    """The folded form of a text, one byte a character, closed by a quote."""
    return text.encode("latin-1", "replace").translate(TABLE) + b'"'
