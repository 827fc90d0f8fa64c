# SPDX-License-Identifier: Apache-2.0
"""One text as rules read it: lower case, plain letters, nothing invisible; offsets lead back."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import accumulate

from agentstack_processors.security.characters import CONFUSABLE, folds

_FOLDS = folds()
_TRANSLATE = str.maketrans(_FOLDS)
_MANY = 24
"""From so many different characters on, one `translate` is cheaper than a `replace` of each."""
_SHORT = 2
"""So few letters are no word to disguise."""
_IMITATION = str.maketrans(CONFUSABLE)
_LOOKALIKES = "".join(CONFUSABLE)
_MIXED = re.compile(
    f"(?<![a-z{_LOOKALIKES}])(?:[a-z]+[{_LOOKALIKES}]|[{_LOOKALIKES}]+[a-z])[a-z{_LOOKALIKES}]*"
)
"""A whole word of both; it is asked for at the beginnings of words only."""


@dataclass(slots=True)  # frozen, each would take five times as long to make
class View:
    """A reading of a text.

    Attributes:
        name: `text` for the text itself, else what was undone: `base64`, `hex`, `spacing`...
        text: What rules are matched against.
        original: The text offsets lead back into.
        start: Where in `original` this reading comes from.
        end: Likewise.
        exact: Whether offsets within it can be led back; if not, all of them mean start to end.
        undone: What `text` was before it was folded; '' for the text itself.
    """

    name: str
    text: str
    original: str = field(repr=False)
    start: int = 0
    end: int = 0
    exact: bool = True
    undone: str = field(default="", repr=False)
    _ends: list[int] = field(default_factory=list, repr=False, compare=False)

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Offsets in `original` of what stands at start to end of `text`."""
        if not self.exact:
            return self.start, self.end
        original = self.original[self.start : self.end]
        if original.isascii():  # each character became one character
            return self.start + start, self.start + end
        if not self._ends:  # worth its time only where something was found
            self._ends.extend(_ends(original))
        first = bisect_right(self._ends, start)
        last = bisect_right(self._ends, max(start, end - 1))
        return self.start + first, min(self.end, self.start + last + 1)


def _ends(original: str) -> Iterable[int]:
    """For each character of the original, where what it became ends in the folded text."""
    return accumulate(len(_FOLDS.get(char, char)) for char in original)


def fold(text: str) -> str:
    """Lower case, NFKC, plain Latin letters, no invisible characters, look-alikes undone."""
    if text.isascii():
        return text.lower()
    special = [char for char in set(text) if char in _FOLDS]
    if len(special) > _MANY:
        text = text.translate(_TRANSLATE)
    else:
        for char in special:
            text = text.replace(char, _FOLDS[char])
    text = text.lower()
    return _MIXED.sub(_unmasked, text)


def _unmasked(word: re.Match[str]) -> str:
    """A word out of Latin letters and look-alikes of other scripts, in Latin letters."""
    letters = word[0]
    latin = len(letters.encode("ascii", "ignore"))
    # A Russian word with one Latin letter is a slip of the keyboard, not a disguise.
    disguised = len(letters) > _SHORT and 2 * latin >= len(letters)
    return letters.translate(_IMITATION) if disguised else letters


def view(text: str, start: int = 0, end: int | None = None) -> View:
    """The folded reading of `text[start:end]`."""
    stop = len(text) if end is None else min(end, len(text))
    return View("text", fold(text[start:stop]), text, start, stop)


__all__ = ["View", "fold", "view"]
