# SPDX-License-Identifier: Apache-2.0
"""Cards and bank accounts."""

from __future__ import annotations

import re
from collections.abc import Iterator

from agentstack_processors.redaction import checksums, validators
from agentstack_processors.redaction.patterns.row import END, FREE, SEP, Pattern, Span, at_shapes
from agentstack_processors.redaction.reading import Reading

_GAPS = re.compile(r"[ \u00a0\u202f\-]+")


def _account(text: str) -> str:
    return _GAPS.sub("", text).upper()


def _iban(pattern: Pattern, reading: Reading) -> Iterator[Span]:
    """From each `AA00` on: as many characters as that country's accounts have."""
    text, forms = reading.text, reading.forms
    position = forms.find(b"AA00")
    while position >= 0:
        size = checksums.iban_length(text[position : position + 2].upper())
        match = pattern.regex.match(text, position) if size else None
        end = _end(text, position, size) if match is not None else -1
        if end >= 0 and checksums.iban(_account(text[position:end])):
            yield position, end
            position = end - 1
        position = forms.find(b"AA00", position + 1)


def _end(text: str, start: int, size: int) -> int:
    """Where `size` letters and digits, in groups or not, have been read; -1 where they end."""
    position = start
    while size and position < len(text):
        char = text[position]
        if char.isascii() and char.isalnum():
            size -= 1
        elif not (_GAPS.match(char) and text[position - 1].isalnum()):
            return -1
        position += 1
    following = text[position : position + 1]
    return -1 if size or (following.isascii() and following.isalnum()) else position


ROWS: tuple[Pattern, ...] = (
    Pattern(
        "CARD",
        re.compile(
            rf"[2-6]{FREE}(?:[0-9]{{12,18}}"
            rf"|[0-9]{{3}}({SEP})[0-9]{{4}}\1[0-9]{{4}}\1[0-9]{{1,4}}(?:\1[0-9]{{1,3}})?"
            rf"|[0-9]{{3}}({SEP})[0-9]{{6}}\2[0-9]{{4,5}}){END}"
        ),
        shapes=(b"0" * 13, b"0000-0000-0000-0", b"0000-000000-0000"),
        accept=validators.card,
        canonical=validators.digits,
        search=at_shapes,
    ),
    Pattern(
        "IBAN",
        re.compile(
            r"[A-Za-z](?<![A-Za-z0-9][A-Za-z])[A-Za-z][0-9]{2}[ \-\u00a0\u202f]{0,2}[A-Za-z0-9]{2}"
        ),
        forms=(b"AA00",),
        canonical=_account,
        search=_iban,
    ),
)
