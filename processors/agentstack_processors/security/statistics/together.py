# SPDX-License-Identifier: Apache-2.0
"""The sums of several texts in one pass: of short ones numpy's calls cost more than its work.

The texts stand in one row, so far apart that no feature reaches from one into the next. Sums run
over slots: of each text its words, and one for where it ends; a text of k words has k + 1. They are
those of each text alone, to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agentstack_processors.security.statistics.folding import (
    LETTER,
    SPACE,
    Folded,
    looked_up,
    packed,
)
from agentstack_processors.security.statistics.grams import (
    CHARACTER_FEATURES,
    CLASS_FEATURES,
    GAP,
    PAD,
    SPACE_CODE,
    STEP,
    TABLE,
    WORD_FEATURES,
    Counts,
    Ids,
    character_ids,
    hashed,
    word_ids,
)
from agentstack_processors.security.statistics.lexicon import FUNCTION
from agentstack_processors.security.statistics.model import Model

Weights = npt.NDArray[np.float64]

_BETWEEN: Final = " " * PAD
_OFFSETS: Final = np.arange(PAD)
_TABLE: Final = np.array(TABLE, np.uint32)


class Row(NamedTuple):
    """Texts in one row.

    Attributes:
        folded: All of them, with `PAD` spaces behind each; places are those in the row.
        begins: (texts,) the first folded character of each.
        ends: (texts,) where each ends.
        offsets: Where each begins in the row, in characters as they were sent.
    """

    folded: Folded
    begins: Counts
    ends: Counts
    offsets: list[int]


class Sums(NamedTuple):
    """What windows are made of.

    Attributes:
        weights: (slots,) sum of the weights of the words before, from the beginning of the text.
        features: (slots,) number of features before, from anywhere.
        characters: (slots,) the first folded character of each word, and where the text ends.
        firsts: (texts,) the first slot of each.
        words: (texts,) how many words each has.
    """

    weights: Weights
    features: Counts
    characters: Counts
    firsts: Counts
    words: Counts


def in_a_row(texts: Sequence[str]) -> Row:
    """Texts that are all ASCII, or all not."""
    row = _BETWEEN.join((*texts, ""))
    codes, kinds = looked_up(row)
    sizes = np.array([len(text) + PAD for text in texts])
    stops = sizes.cumsum()
    gaps = ((stops - PAD)[:, None] + _OFFSETS).ravel()
    kinds = kinds.copy()
    codes[gaps] = 0  # a code that nothing else has, of a kind that is neither dropped nor joined
    kinds[gaps] = LETTER
    folded = packed(codes, kinds)
    gaps = (folded.codes == 0).nonzero()[0]
    folded.codes[gaps] = SPACE_CODE
    folded.kinds[gaps] = SPACE
    ends = gaps[::PAD]
    begins = np.zeros(len(texts), np.int64)
    np.add(ends[:-1], PAD, out=begins[1:])
    return Row(folded, begins, ends, (stops - sizes).tolist())


def summed(model: Model, row: Row) -> Sums:
    """The sums; none where one of the texts is without words."""
    starts, hashes = hashed(row.folded)
    starts = starts[:-1]
    before = starts.searchsorted(row.begins)
    words = starts.searchsorted(row.ends) - before
    if not words.all():
        return Sums(np.zeros(0), words, words, words, words)
    texts = np.arange(len(words))
    owners = texts.repeat(words)
    slots = np.arange(len(starts)) + owners
    firsts = before + texts
    characters = np.empty(len(slots) + len(words), np.int64)
    characters[slots] = starts
    characters[firsts] = row.begins  # what stands before the first word counts as its own
    characters[firsts + words] = row.ends
    gained = _of_characters(model, row.folded, characters).take(slots)
    classed = _add_words(model, hashes, owners * GAP, gained)
    features = characters * CHARACTER_FEATURES
    features += np.arange(0, len(characters) * WORD_FEATURES, WORD_FEATURES)
    if len(classed):
        many = np.bincount(slots.take(classed) + 1, minlength=len(features))
        many *= CLASS_FEATURES
        features += many.cumsum()
    return Sums(_running(gained, before, firsts, words), features, characters, firsts, words)


def _of_characters(model: Model, folded: Folded, characters: Counts) -> Weights:
    """What the characters of each slot weigh."""
    count = len(folded.codes)
    codes = np.empty(count + 1 + PAD, np.uint32)
    codes[0] = SPACE_CODE
    codes[1 : count + 1] = folded.codes
    codes[count + 1 :] = SPACE_CODE
    three, four, five = model.characters.take(character_ids(codes, count))
    each = np.add(three, four, dtype=np.int16)
    each += five
    weights = np.add.reduceat(each, characters, dtype=np.float64)
    weights *= model.scales[1]
    return weights


def _add_words(model: Model, hashes: Ids, gaps: Counts, gained: Weights) -> Counts:
    """Add to what each word `gained` what it and its class weigh; gives the words with classes.

    As for one text (`grams`), words and classes are sequences with gaps; `gaps` says how many
    numbers stand before each word that are gaps between texts.
    """
    found = model.lexicon.classes_of(hashes)
    owners = found.nonzero()[0]
    classes = found.take(owners)
    telling = (classes < FUNCTION).nonzero()[0]
    apart = int(gaps[-1]) + GAP
    begin, middle = len(hashes) + apart, len(owners) + apart
    at_words = np.arange(len(hashes)) + gaps
    between = gaps.take(owners)
    at_classes = np.arange(len(owners)) + between
    at_telling = np.arange(middle, middle + len(telling)) + between.take(telling)
    sequence = np.zeros(begin + middle + len(telling) + apart, np.uint32)
    of_classes = sequence[begin:]
    of_classes[at_classes] = classes
    of_classes[at_telling] = classes.take(telling)
    of_classes *= STEP
    sequence[at_words] = hashes
    ids = word_ids(sequence)
    of_words = np.add.reduce(model.words.take(ids[:, :begin]), axis=0, dtype=np.float64)
    of_words *= model.scales[0]
    gained += of_words.take(at_words)
    if not len(owners):
        return owners
    ids[:, begin + middle :] += _TABLE
    weights = np.add.reduce(model.classes.take(ids[:, begin:]), axis=0, dtype=np.float64)
    weights *= model.scales[2]
    weights = weights.take(np.concatenate((at_classes, at_telling)))
    owners = np.concatenate((owners, owners.take(telling)))
    gained += np.bincount(owners, weights, len(hashes))
    return owners


def _running(gained: Weights, before: Counts, firsts: Counts, words: Counts) -> Weights:
    """Each text by itself: one sum over all of them would be rounded otherwise."""
    sums = np.zeros(len(gained) + len(words))
    for word, slot, many in zip(before.tolist(), firsts.tolist(), words.tolist(), strict=True):
        gained[word : word + many].cumsum(out=sums[slot + 1 : slot + 1 + many])
    return sums


__all__ = ["Row", "Sums", "in_a_row", "summed"]
