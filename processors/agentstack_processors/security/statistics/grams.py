# SPDX-License-Identifier: Apache-2.0
"""Hashed n-grams of a text, by word, without a Python loop.

A word's features are five word n-grams (itself; with the next; with the next but one; with the next
but two; with the next two) and, for each character from its start to the start of the next word,
the 3-, 4- and 5-gram that begins there. Every feature is a number below 2**18; words and
characters have a table each. The same code serves training and detection.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agentstack_processors.security.statistics.folding import LETTER, SIGN, Folded, fold

BITS: Final = 18
TABLE: Final = 1 << BITS
WORD_FEATURES: Final = 5
CHARACTER_FEATURES: Final = 3

Ids = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]

_SHIFT: Final = np.uint32(32 - BITS)
_STEP: Final = np.uint32(0x9E3779B1)
_MIX: Final = tuple(np.uint32(k) for k in (0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F))
_WORD_MIX: Final = tuple(
    np.uint32(k) for k in (0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09, 0x8DA6B343)
)
_FAR: Final = np.uint32(0xCB1AB31F)
_FARTHER: Final = np.uint32(0x6C8E9CF5)
_LONGEST: Final = 64
_SPREAD: Final = np.array(
    [pow(0x5BD1E995, n + 1, 1 << 32) | 1 for n in range(_LONGEST)], np.uint32
)  # what a letter is worth by its place in the word
_PAD: Final = 4


class Grams(NamedTuple):
    """Features of one text of n folded characters and k words.

    Attributes:
        words: (5, k) ids into the table of words.
        characters: (3, n) ids into the table of characters.
        starts: (k + 1,) for each word the first character that counts as its own; the first word
            begins at 0, the end is n.
        places: (n,) index into the text of each folded character.
    """

    words: Ids
    characters: Ids
    starts: Counts
    places: Counts


def grams(text: str) -> Grams:
    """All features of `text`. A text without words has one word that spans it."""
    folded = fold(text)
    count = len(folded.codes)
    codes = np.empty(count + 1 + _PAD, np.uint32)
    codes[0] = SPACE_CODE
    codes[1 : count + 1] = folded.codes
    codes[count + 1 :] = SPACE_CODE
    starts, words = _words(folded)
    starts[:1] = 0
    return Grams(words, _characters(codes, count), np.append(starts, count), folded.places)


SPACE_CODE: Final = np.uint32(ord(" "))


def _characters(codes: Ids, count: int) -> Ids:
    """The 3-, 4- and 5-grams; each begins one before its character, so that words show edges."""
    ids = np.empty((CHARACTER_FEATURES, count), np.uint32)
    two = codes[:-1] * _STEP + codes[1:]
    three = two[:-1] * _STEP + codes[2:]
    four = three[:-1] * _STEP + codes[3:]
    five = four[:-1] * _STEP + codes[4:]
    for row, (hashed, mix) in enumerate(zip((three, four, five), _MIX, strict=True)):
        np.multiply(hashed[:count], mix, out=ids[row])
    ids >>= _SHIFT
    return ids


def _words(folded: Folded) -> tuple[Counts, Ids]:
    codes, kinds, _ = folded
    inside = kinds >= LETTER
    begins = inside.copy()
    begins[1:] &= (kinds[1:] == SIGN) | (kinds[:-1] != LETTER)
    starts = np.flatnonzero(begins)
    if not len(starts):
        return np.zeros(1, np.int64), np.zeros((WORD_FEATURES, 1), np.uint32)
    lengths = np.diff(starts, append=len(codes))
    inner = np.arange(starts[0], len(codes)) - np.repeat(starts, lengths)
    np.minimum(inner, _LONGEST - 1, out=inner)
    worth = codes[starts[0] :] * _SPREAD[inner]
    worth[~inside[starts[0] :]] = 0
    hashed = np.add.reduceat(worth, starts - starts[0], dtype=np.uint32)
    return starts, _word_ids(hashed)


def _word_ids(hashed: Ids) -> Ids:
    count = len(hashed)
    padded = np.zeros(count + 3, np.uint32)
    padded[:count] = hashed ^ (hashed >> np.uint32(15))
    here, near, far, farther = (padded[n : n + count] for n in range(4))
    pair = here * _STEP
    ids = np.empty((WORD_FEATURES, count), np.uint32)
    ids[0] = here
    ids[1] = pair + near
    ids[2] = pair + far * _FAR
    ids[3] = pair + farther * _FARTHER
    ids[4] = (pair + near) * _STEP + far
    ids ^= ids >> np.uint32(13)
    ids *= np.array(_WORD_MIX, np.uint32)[:, None]
    ids >>= _SHIFT
    return ids


__all__ = ["BITS", "CHARACTER_FEATURES", "TABLE", "WORD_FEATURES", "Grams", "grams"]
