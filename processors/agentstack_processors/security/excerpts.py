# SPDX-License-Identifier: Apache-2.0
"""What a verdict shows of a text: the words around a finding, without the secrets among them."""

from __future__ import annotations

import re
from collections.abc import Callable

from agentstack_processors.security.verdict import EXCERPT

_WORD = 80
_LAST_WORD = re.compile(r"\S+\Z")
_FIRST_WORD = re.compile(r"\S+")


def excerpt(text: str, start: int, end: int, scrub: Callable[[str], str] | None) -> str:
    """At most `EXCERPT` characters of `text` around `start:end`, on one line.

    Args:
        text: The text.
        start: Where the finding begins.
        end: Where it ends.
        scrub: What takes secrets out; None: they stay.
    """
    around = max(0, (EXCERPT - (end - start)) // 4)
    start = max(0, start - around)
    found = _whole_words(text, start, min(len(text), end + around, start + 2 * EXCERPT))
    if scrub is not None:
        found = scrub(found)
    return " ".join(found.split())[:EXCERPT]


def _whole_words(text: str, start: int, stop: int) -> str:
    """`text[start:stop]` out to the next gaps: half a secret would not be known as one.

    A word that goes on for longer than `_WORD` is left out rather than cut.
    """
    near = text[max(0, start - _WORD) : start]
    far = text[stop : stop + _WORD]
    before, after = _LAST_WORD.search(near), _FIRST_WORD.match(far)
    first = start - len(before[0] if before else "")
    last = stop + len(after[0] if after else "")
    part = text[first:last]
    if first > 0 and not text[first - 1].isspace() and len(part.split(None, 1)) > 1:
        part = part.split(None, 1)[1]
    if last < len(text) and not text[last].isspace() and len(part.rsplit(None, 1)) > 1:
        part = part.rsplit(None, 1)[0]
    return part


__all__ = ["excerpt"]
