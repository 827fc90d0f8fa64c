# SPDX-License-Identifier: Apache-2.0
"""Numbers that are no text: a card's, an account holder's, a telephone's, sent as an integer.

They are judged as the text `user ssn: 123456789` would be: the attribute's name is the context that
a bare number lacks.
"""

from __future__ import annotations

import re
from collections.abc import Callable

SHORTEST = 10**6
"""Numbers below are never asked about: seven digits are the shortest that any row takes."""
_LONGEST = 1 << 63  # what is more is a negative integer on the wire
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_APART = re.compile(r"[\W_]+")


def spoken(key: str) -> str:
    """The words of an attribute's name: `user.ssnNumber` → `user ssn number: `."""
    return _APART.sub(" ", _CAMEL.sub(" ", key)) + ": "


def is_asked(number: float) -> bool:
    """Whether a number is whole and long enough to be somebody's."""
    return SHORTEST <= number < _LONGEST and number == int(number)


def scrub_number(key: str, number: float, scrub: Callable[[str], str]) -> str | None:
    """The text to send instead of `number`; None when it may stay.

    Args:
        key: Name of the attribute it is the value of.
        number: What was sent as an integer or a double.
        scrub: `Redactor.scrub`.
    """
    if not is_asked(number):
        return None
    written, words = str(int(number)), spoken(key)
    if scrub(written) != written:
        return scrub(written)
    clean = scrub(words + written)
    if clean.endswith(written):
        return None
    return clean[len(words) :] if clean.startswith(words) else clean


__all__ = ["is_asked", "scrub_number", "spoken"]
