# SPDX-License-Identifier: Apache-2.0
"""NgramScorer: how much a text reads like an attack, and where."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agentstack_processors.security.statistics.grams import (
    CHARACTER_FEATURES,
    WORD_FEATURES,
    Grams,
    grams,
)
from agentstack_processors.security.statistics.model import Model
from agentstack_processors.security.statistics.windows import Bounds, windows

LONGEST: Final = 200_000
"""Characters looked at: of longer texts the first and the last half of that."""

Margins = npt.NDArray[np.float64]


class Score(NamedTuple):
    """The most suspicious window of a text.

    `value` runs from 0 to 1: at 0.5 one benign text in a hundred scores as much, at 0.9 one in a
    thousand. `start` and `end` are offsets into the text.
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


class NgramScorer:
    """A linear score over hashed n-grams of sliding windows; pure and thread-safe."""

    def __init__(self, model: Model) -> None:
        self._model = model

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

    def scores(self, text: str) -> list[Window]:
        """The best window of each size, smallest first."""
        found = grams(text)
        if not len(found.places):
            return []
        sums, counts = self._running(found)
        return [
            self._window(found, size, *self._top(sums, counts, bounds))
            for size, bounds in enumerate(windows(len(found.starts) - 1))
        ]

    def _best(self, text: str) -> Window | None:
        return max(self.scores(text), key=lambda window: window.value, default=None)

    def _of_ends(self, text: str) -> Score:
        half = LONGEST // 2
        first, last = self.score(text[:half]), self.score(text[-half:])
        if first.value >= last.value:
            return first
        moved = len(text) - half
        return Score(last.value, last.start + moved, last.end + moved)

    def _running(self, found: Grams) -> tuple[Bounds, Bounds]:
        """Sum of weights, and number of features, before each word and at the end."""
        model, starts = self._model, found.starts
        characters = np.zeros(starts[-1] + 1, np.int64)
        model.characters.take(found.characters).sum(axis=0, dtype=np.int64).cumsum(
            out=characters[1:]
        )
        sums = characters[starts]
        sums[1:] += model.words.take(found.words).sum(axis=0, dtype=np.int64).cumsum()
        counts = starts * CHARACTER_FEATURES + np.arange(len(starts)) * WORD_FEATURES
        return sums, counts

    def _top(
        self, sums: Bounds, counts: Bounds, bounds: tuple[Bounds, Bounds]
    ) -> tuple[int, int, float]:
        begins, ends = bounds
        model = self._model
        features = counts[ends] - counts[begins]
        sum_of_weights = (sums[ends] - sums[begins]) * model.scale
        margins: Margins = sum_of_weights / np.sqrt(features + model.smooth)
        best = int(margins.argmax())
        return int(begins[best]), int(ends[best]), float(margins[best]) + model.bias

    def _window(self, found: Grams, size: int, begin: int, end: int, margin: float) -> Window:
        margins, values = self._model.knots[size]
        return Window(
            int(found.places[found.starts[begin]]),
            int(found.places[found.starts[end] - 1]) + 1,
            margin,
            interpolated(margin, margins, values),
        )


def interpolated(margin: float, margins: Sequence[float], values: Sequence[float]) -> float:
    """The value at `margin`, on the line between two knots; beyond the ends it stays."""
    above = bisect_right(margins, margin)
    if above in (0, len(margins)):
        return values[min(above, len(values) - 1)]
    left, right = margins[above - 1], margins[above]
    share = (margin - left) / (right - left)
    return values[above - 1] + (values[above] - values[above - 1]) * share


__all__ = ["LONGEST", "NgramScorer", "Score", "Window"]
