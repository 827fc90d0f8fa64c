# SPDX-License-Identifier: Apache-2.0
"""NgramScorer: how much a text reads like an attack, and where."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import accumulate, pairwise
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agentstack_processors.security.statistics.folding import fold
from agentstack_processors.security.statistics.grams import (
    CHARACTER_FEATURES,
    CLASS_FEATURES,
    WORD_FEATURES,
    Grams,
    grams,
)
from agentstack_processors.security.statistics.model import Model
from agentstack_processors.security.statistics.together import Row, Sums, in_a_row, summed
from agentstack_processors.security.statistics.windows import SIZES, Bounds, windows

LONGEST: Final = 200_000
"""Characters looked at: of longer texts the first and the last half of that."""

_FEW: Final = 512
"""The windows of texts of so many words are the same again and again."""

_CHARACTER_FEATURES: Final = np.array(CHARACTER_FEATURES)

_ROW: Final = 16_384
"""Characters scored in one pass: more of them fall out of the processor's cache."""

Margins = npt.NDArray[np.float64]


class Score(NamedTuple):
    """The most suspicious window of a text.

    `value` runs from 0 to 1: at 0.5 at most one harmless text in a hundred scores as much, at 0.9
    one in a thousand. `start` and `end` are offsets into the text.
    """

    value: float
    start: int
    end: int


class Window(NamedTuple):
    """One scored stretch: offsets into the text, its margin, its value."""

    start: int
    end: int
    margin: float
    value: float


class _Spans(NamedTuple):
    """The windows of all sizes in a row: first words, ends, and where those of each size begin."""

    begins: Bounds
    ends: Bounds
    firsts: tuple[int, ...]


class NgramScorer:
    """A linear score over hashed n-grams of sliding windows; pure and thread-safe."""

    def __init__(self, model: Model) -> None:
        self._model = model
        fold("\u00e9")  # makes the tables: the first text is not to wait for them
        self._scales = tuple(map(np.array, model.scales))
        self._smooth = np.array(model.smooth)

    @classmethod
    def load(cls, weights: bytes | None = None) -> NgramScorer:
        """With the shipped weights, or with those of a file. Raises ConfigError for a bad one."""
        return cls(Model.load(weights))

    def score(self, text: str) -> Score:
        """The window with the highest value; 0 for a text without characters."""
        if len(text) > LONGEST:
            return self._of_ends(text)
        best = self._best(text)
        return Score(0.0, 0, 0) if best is None else Score(best.value, best.start, best.end)

    def score_all(self, texts: Sequence[str]) -> list[Score]:
        """As `score` of each: of short texts many take little longer than one."""
        found: dict[str, Score] = {}
        for plain in (True, False):
            alike = [text for text in dict.fromkeys(texts) if text.isascii() == plain]
            for some in _parted(alike):
                found |= zip(some, self._scored(some), strict=True)
        return [found[text] for text in texts]

    def _scored(self, texts: Sequence[str]) -> list[Score]:
        """Texts in one pass; those without words apart."""
        if len(texts) < 2:
            return [self.score(text) for text in texts]
        row = in_a_row(texts)
        sums = summed(self._model, row)
        if len(sums.weights):
            return self._worst(row, sums)
        worded = [text for text, words in zip(texts, sums.words, strict=True) if words]
        known = dict(zip(worded, self._scored(worded), strict=True))
        return [known.get(text) or self.score(text) for text in texts]

    def _worst(self, row: Row, sums: Sums) -> list[Score]:
        """The window with the highest value of each text of a row."""
        every = [_all_windows(words) for words in sums.words.tolist()]
        moved = sums.firsts.repeat([len(spans.begins) for spans in every])
        begins = np.concatenate([spans.begins for spans in every])
        begins += moved
        ends = np.concatenate([spans.ends for spans in every])
        ends += moved
        margins = self._margins(sums.weights, sums.features, _Spans(begins, ends, ()))
        scores, at = [], 0
        for spans, offset in zip(every, row.offsets, strict=True):
            value, best = self._highest(margins, at, spans.firsts)
            first = int(row.folded.places[sums.characters[begins[best]]])
            last = int(row.folded.places[sums.characters[ends[best]] - 1])
            scores.append(Score(value, first - offset, last + 1 - offset))
            at += spans.firsts[-1]
        return scores

    def _highest(self, margins: Margins, at: int, firsts: tuple[int, ...]) -> tuple[float, int]:
        """The highest value of one text's windows, which begin at `at`, and which has it."""
        value, best = -1.0, at
        for knots, (first, stop) in zip(self._model.knots, pairwise(firsts), strict=False):
            highest = at + first + int(margins[at + first : at + stop].argmax())
            found = interpolated(float(margins[highest]) + self._model.bias, *knots)
            if found > value:
                value, best = found, highest
        return value, best

    def scores(self, text: str) -> list[Window]:
        """The best window of each size, smallest first."""
        found = grams(text, self._model.lexicon)
        if not len(found.places):
            return []
        spans = _all_windows(len(found.starts) - 1)
        margins = self._margins(*self._running(found), spans)
        return [
            self._window(found, size, spans, margins, range(*some))
            for size, some in enumerate(pairwise(spans.firsts))
        ]

    def narrowed(self, text: str, start: int, end: int) -> tuple[int, int]:
        """Where in `text[start:end]` the worst window stands that is not of the largest size."""
        found = self.scores(text[start:end])[: len(SIZES) - 1]
        best = max(found, key=lambda window: window.value, default=None)
        return (start, end) if best is None else (start + best.start, start + best.end)

    def _best(self, text: str) -> Window | None:
        return max(self.scores(text), key=lambda window: window.value, default=None)

    def _of_ends(self, text: str) -> Score:
        half = LONGEST // 2
        first, last = self.score(text[:half]), self.score(text[-half:])
        if first.value >= last.value:
            return first
        moved = len(text) - half
        return Score(last.value, last.start + moved, last.end + moved)

    def _running(self, found: Grams) -> tuple[Margins, Bounds]:
        """Sum of weights, and number of features, before each word and at the end."""
        model, starts = self._model, found.starts
        three, four, five = model.characters.take(found.characters)
        each = np.add(three, four, dtype=np.int16)
        each += five
        by_word, by_character, by_class = self._scales
        gained = np.add.reduceat(each, starts[:-1], dtype=np.float64)
        gained *= by_character
        of_words = np.add.reduce(model.words.take(found.words), axis=0, dtype=np.float64)
        of_words *= by_word
        gained += of_words
        counts = starts * _CHARACTER_FEATURES
        counts += np.arange(0, len(starts) * WORD_FEATURES, WORD_FEATURES)
        if len(found.classed):
            words = len(starts) - 1
            of_classes = np.add.reduce(model.classes.take(found.classes), axis=0, dtype=np.float64)
            of_classes *= by_class
            gained += np.bincount(found.classed, of_classes, words)
            many = np.bincount(found.classed, minlength=words)
            many *= CLASS_FEATURES
            counts[1:] += many.cumsum()
        sums = np.zeros(len(starts))
        gained.cumsum(out=sums[1:])
        return sums, counts

    def _margins(self, sums: Margins, counts: Bounds, spans: _Spans) -> Margins:
        """Of each window, without the bias."""
        features = counts.take(spans.ends)
        features -= counts.take(spans.begins)
        margins: Margins = sums.take(spans.ends)
        margins -= sums.take(spans.begins)
        margins /= np.sqrt(features + self._smooth)
        return margins

    def _window(
        self, found: Grams, size: int, spans: _Spans, all_margins: Margins, of_size: range
    ) -> Window:
        best = of_size.start + int(all_margins[of_size.start : of_size.stop].argmax())
        margins, values = self._model.knots[size]
        margin = float(all_margins[best]) + self._model.bias
        return Window(
            int(found.places[found.starts[spans.begins[best]]]),
            int(found.places[found.starts[spans.ends[best]] - 1]) + 1,
            margin,
            interpolated(margin, margins, values),
        )


def _parted(texts: Sequence[str]) -> Iterator[list[str]]:
    """Texts in rows of about `_ROW` characters; longer ones alone."""
    row: list[str] = []
    room = _ROW
    for text in texts:
        room -= len(text)
        if room < 0 and row:
            yield row
            row, room = [], _ROW - len(text)
        row.append(text)
    if row:
        yield row


def _all_windows(words: int) -> _Spans:
    return _few_windows(words) if words <= _FEW else _joined(windows(words))


@lru_cache(maxsize=_FEW)
def _few_windows(words: int) -> _Spans:
    return _joined(windows(words))


def _joined(sizes: list[tuple[Bounds, Bounds]]) -> _Spans:
    begins = np.concatenate([begins for begins, _ in sizes])
    ends = np.concatenate([ends for _, ends in sizes])
    begins.flags.writeable = ends.flags.writeable = False
    firsts = tuple(accumulate((len(begins) for begins, _ in sizes), initial=0))
    return _Spans(begins, ends, firsts)


def interpolated(margin: float, margins: Sequence[float], values: Sequence[float]) -> float:
    """The value at `margin`, on the line between two knots; beyond the ends it stays."""
    above = bisect_right(margins, margin)
    if above in (0, len(margins)):
        return values[min(above, len(values) - 1)]
    left, right = margins[above - 1], margins[above]
    share = (margin - left) / (right - left)
    return values[above - 1] + (values[above] - values[above - 1]) * share


__all__ = ["LONGEST", "NgramScorer", "Score", "Window"]
