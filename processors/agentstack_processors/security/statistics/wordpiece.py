# SPDX-License-Identifier: Apache-2.0
"""Text to pieces of words, as BERT's uncased vocabulary cuts it.

Lower case without accents; punctuation and CJK characters stand alone; a word that is not in the
vocabulary is cut, from the left, into the longest pieces that are (`##`: a piece that goes on).
Source: Devlin et al. 2018, and the reference implementation's `tokenization.py` (Apache-2.0).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Final

UNKNOWN: Final = "[UNK]"
FIRST: Final = "[CLS]"
LAST: Final = "[SEP]"
GOES_ON: Final = "##"
_LONGEST: Final = 100
"""Longer words are unknown; cutting them would cost the square of their length."""
_SIGNS: Final = (
    *((0x4E00, 0xA000), (0x3400, 0x4DC0), (0x20000, 0x2A6E0), (0x2A700, 0x2CEB0)),
    *((0xF900, 0xFB00), (0x2F800, 0x2FA20)),
)


class WordPiece:
    """Cuts text into the pieces of one vocabulary; pure and thread-safe.

    Args:
        pieces: The vocabulary; a piece's place is its id. Holds `UNKNOWN`, `FIRST` and `LAST`.
    """

    def __init__(self, pieces: Sequence[str]) -> None:
        self._ids: Mapping[str, int] = {piece: number for number, piece in enumerate(pieces)}
        self._unknown = self._ids[UNKNOWN]
        self.first, self.last = self._ids[FIRST], self._ids[LAST]

    def ids(self, text: str) -> list[int]:
        """Of the pieces of `text`, in order, without `FIRST` and `LAST`."""
        return [number for word in words(text) for number in self._of_word(word)]

    def _of_word(self, word: str) -> list[int]:
        known = self._ids.get(word)
        if known is not None:
            return [known]
        if len(word) > _LONGEST:
            return [self._unknown]
        found: list[int] = []
        begin = 0
        while begin < len(word):
            number, begin = self._longest(word, begin)
            if number < 0:
                return [self._unknown]
            found.append(number)
        return found

    def _longest(self, word: str, begin: int) -> tuple[int, int]:
        """The longest piece that stands at `begin`, and where it ends; -1 for none."""
        mark = GOES_ON if begin else ""
        for end in range(len(word), begin, -1):
            number = self._ids.get(mark + word[begin:end])
            if number is not None:
                return number, end
        return -1, begin


def words(text: str) -> Iterator[str]:
    """Words and marks of `text`, folded."""
    if not text.isascii():
        text = _folded(text)
    return iter("".join(map(_apart, text.lower())).split())


def _folded(text: str) -> str:
    """Without accents, and with CJK characters apart."""
    # By character: as a whole a word-final sigma would be another letter than the vocabulary's.
    spaced = "".join(f" {sign} " if _is_sign(sign) else sign.lower() for sign in text)
    parted = unicodedata.normalize("NFD", spaced)
    return "".join(sign for sign in parted if unicodedata.category(sign) != "Mn")


@lru_cache(maxsize=4096)
def _apart(sign: str) -> str:
    """A character as it stands among others: marks apart, control characters gone."""
    if sign.isspace():
        return " "
    category = unicodedata.category(sign)
    if category[0] == "C" or sign == "\ufffd":
        return ""
    if category[0] == "P" or (sign < "\x80" and not sign.isalnum()):
        return f" {sign} "
    return sign


def _is_sign(sign: str) -> bool:
    return any(first <= ord(sign) < stop for first, stop in _SIGNS)


__all__ = ["FIRST", "GOES_ON", "LAST", "UNKNOWN", "WordPiece", "words"]
