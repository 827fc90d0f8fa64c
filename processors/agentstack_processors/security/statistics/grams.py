# SPDX-License-Identifier: Apache-2.0
"""Hashed n-grams of a text, by word, without a Python loop.

A word's features are five word n-grams (itself; with the next; with the next but one; with the next
but two; with the next two) and, for each character from its start to the start of the next word,
the 3-, 4- and 5-gram that begins there. A word of the lexicon has five more, made like those of
words but of classes, as if words of no class were not there; and if its class says something by
itself, another five, as if only such classes were there. Every feature is a number below 2**18;
words, characters, classes and classes that say something have a table each. The same code serves
training and detection.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agentstack_processors.security.statistics.folding import LETTER, SIGN, Folded, fold
from agentstack_processors.security.statistics.lexicon import EMPTY, FUNCTION, Classes, Lexicon

BITS: Final = 18
TABLE: Final = 1 << BITS
WORD_FEATURES: Final = 5
CHARACTER_FEATURES: Final = 3
CLASS_FEATURES: Final = 5

Ids = npt.NDArray[np.uint32]
Counts = npt.NDArray[np.int64]

# Arrays without dimensions: an operation on a few hundred numbers takes half as long with one as
# with a number of numpy's or Python's.
_SHIFT: Final = np.array(32 - BITS, np.uint32)
_THIRTEEN: Final = np.array(13, np.uint32)
_FIFTEEN: Final = np.array(15, np.uint32)
STEP: Final = np.array(0x9E3779B1, np.uint32)
_MIX: Final = tuple(np.array(k, np.uint32) for k in (0x85EBCA6B, 0xC2B2AE35, 0x27D4EB2F))
_WORD_MIX: Final = np.array(
    (0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09, 0x8DA6B343), np.uint32
)[:, None]
_FAR: Final = np.array(0xCB1AB31F, np.uint32)
_FARTHER: Final = np.array(0x6C8E9CF5, np.uint32)
_FUNCTION: Final = np.array(FUNCTION, np.uint8)
_TABLE: Final = np.array(TABLE, np.uint32)
_LETTER: Final = np.array(LETTER, np.uint8)
_SIGN: Final = np.array(SIGN, np.uint8)
_LONGEST: Final = 64
_SPREAD: Final = np.array(
    [pow(0x5BD1E995, n + 1, 1 << 32) | 1 for n in range(_LONGEST)], np.uint32
)  # what a letter is worth by its place in the word
PAD: Final = 4
GAP: Final = 3  # as far as a word's features look ahead


class Grams(NamedTuple):
    """Features of one text of n folded characters and k words.

    Attributes:
        words: (5, k) ids into the table of words.
        characters: (3, n) ids into the table of characters.
        starts: (k + 1,) for each word the first character that counts as its own; the first word
            begins at 0, the end is n.
        places: (n,) index into the text of each folded character.
        classes: (5, c) ids into the two tables of classes, the second after the first.
        classed: (c,) the word each column of `classes` belongs to; a word of a class that says
            something stands there twice, the others once, words of no class never.
    """

    words: Ids
    characters: Ids
    starts: Counts
    places: Counts
    classes: Ids
    classed: Counts


def grams(text: str, lexicon: Lexicon = EMPTY) -> Grams:
    """All features of `text`. A text without words has one word that spans it."""
    folded = fold(text)
    count = len(folded.codes)
    codes = np.empty(count + 1 + PAD, np.uint32)
    codes[0] = SPACE_CODE
    codes[1 : count + 1] = folded.codes
    codes[count + 1 :] = SPACE_CODE
    bounds, hashes = hashed(folded)
    bounds[0] = 0
    words, classes, classed = _sequences(hashes, lexicon.classes_of(hashes))
    return Grams(words, character_ids(codes, count), bounds, folded.places, classes, classed)


SPACE_CODE: Final = np.uint32(ord(" "))


def character_ids(codes: Ids, count: int) -> Ids:
    """The 3-, 4- and 5-grams; each begins one before its character, so that words show edges."""
    ids = np.empty((CHARACTER_FEATURES, count), np.uint32)
    rolled = codes[:count] * STEP
    rolled += codes[1 : count + 1]
    for row, mix in enumerate(_MIX):
        rolled *= STEP
        rolled += codes[row + 2 : row + 2 + count]
        np.multiply(rolled, mix, out=ids[row])
    ids >>= _SHIFT
    return ids


def hashed(folded: Folded) -> tuple[Counts, Ids]:
    """Where words start, and the end; a hash of each word, of a text without words one of 0."""
    codes, kinds, _ = folded
    inside = kinds >= _LETTER
    begins = inside.copy()
    apart = kinds[:-1] != _LETTER
    apart |= kinds[1:] == _SIGN
    np.logical_and(begins[1:], apart, out=begins[1:])
    starts = begins.nonzero()[0]
    count = len(starts)
    if not count:
        return np.array((0, len(codes))), np.zeros(1, np.uint32)
    bounds = np.empty(count + 1, np.int64)
    bounds[:count] = starts
    bounds[count] = len(codes)
    first = int(starts[0])
    inner = np.arange(first, len(codes))
    inner -= starts.repeat(bounds[1:] - starts)
    worth = _SPREAD.take(inner, mode="clip")  # what is beyond the longest counts as its end
    worth *= codes[first:]
    worth *= inside[first:]
    starts -= first
    return bounds, np.add.reduceat(worth, starts, dtype=np.uint32)


def _sequences(hashes: Ids, found: Classes) -> tuple[Ids, Ids, Counts]:
    """Features of words, features of their classes, and the words that these belong to."""
    owners = found.nonzero()[0]
    classes = found.take(owners)
    telling = (classes < _FUNCTION).nonzero()[0]
    words, many = len(hashes), len(owners)
    # All sequences in one array, apart as far as features reach: a third of the operations.
    sequence = np.zeros(words + GAP + many + GAP + len(telling), np.uint32)
    sequence[words + GAP : words + GAP + many] = classes
    sequence[words + GAP + many + GAP :] = classes.take(telling)
    sequence *= STEP
    sequence[:words] = hashes
    ids = word_ids(sequence)
    of_classes = ids[:, words + GAP :]
    of_classes[:, many:] += _TABLE
    of_classes = np.concatenate((of_classes[:, :many], of_classes[:, many + GAP :]), axis=1)
    return ids[:, :words], of_classes, np.concatenate((owners, owners.take(telling)))


def word_ids(hashes: Ids) -> Ids:
    count = len(hashes)
    padded = np.zeros(count + 3, np.uint32)
    np.right_shift(hashes, _FIFTEEN, out=padded[:count])
    padded[:count] ^= hashes
    here, near, far, farther = (padded[n : n + count] for n in range(4))
    pair = here * STEP
    ids = np.empty((WORD_FEATURES, count), np.uint32)
    ids[0] = here
    np.add(pair, near, out=ids[1])
    np.multiply(far, _FAR, out=ids[2])
    ids[2] += pair
    np.multiply(farther, _FARTHER, out=ids[3])
    ids[3] += pair
    np.multiply(ids[1], STEP, out=ids[4])
    ids[4] += far
    ids ^= ids >> _THIRTEEN
    ids *= _WORD_MIX
    ids >>= _SHIFT
    return ids


__all__ = [
    "BITS",
    "CHARACTER_FEATURES",
    "CLASS_FEATURES",
    "TABLE",
    "WORD_FEATURES",
    "Grams",
    "grams",
    "hashed",
]
