# SPDX-License-Identifier: Apache-2.0
"""What the second reader is shown: of each text the windows that the linear score finds worst."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from agentstack_processors.security.statistics.grams import grams
from agentstack_processors.security.statistics.model import Model

from training.dataset import Cut
from training.fit import Floats
from training.learn import weighed, window_margins

MOST = 8.0
"""What one text weighs at most."""
EASY = 0.25
"""What a harmless text that nobody would doubt weighs beside one that looks bad."""
ATTACKS = 0.5
"""What attacks together weigh beside harmless texts."""
_APART = 6  # words between two windows of a text
_LARGEST = 1  # of `SIZES`: a window of 90 words is more than the reader takes in


@dataclass(frozen=True)
class Stretch:
    """`text[start:end]` of a text that is an attack or is not, and how much it teaches."""

    text: str
    start: int
    end: int
    attack: bool
    weight: float


def stretches(cuts: Sequence[Cut], model: Model, seed: int) -> list[Stretch]:
    """One of each attack, up to three of each harmless text; those that look bad weigh more."""
    rng = np.random.default_rng(seed)
    table = _table(model)
    found = [one for cut, weight in weighed(cuts) for one in _of(cut, weight, model, table, rng)]
    sides = {side: sum(one.weight for one in found if one.attack is side) for side in (True, False)}
    share = ATTACKS * sides[False] / sides[True] if sides[True] else 1.0
    return [
        Stretch(one.text, one.start, one.end, one.attack, one.weight * (share if one.attack else 1))
        for one in found
    ]


def _table(model: Model) -> Floats:
    parts = zip((model.words, model.characters, model.classes), model.scales, strict=True)
    return np.concatenate([table * scale for table, scale in parts])


def _of(
    cut: Cut, weight: float, model: Model, table: Floats, rng: np.random.Generator
) -> Iterator[Stretch]:
    text, attack = cut.text, cut.text.attack
    small = [n for n, (size, _, _) in enumerate(cut.windows) if size <= _LARGEST]
    if not small:
        return
    rarities = _rarities(cut, model, table)
    chosen = _worst(cut, small, rarities, 1 if attack else 2)
    if not attack and len(small) > 3:
        chosen.append(int(rng.choice(small)))
    own = grams(text.text)
    weight = min(weight, MOST)
    for number in chosen:
        _, begin, end = cut.windows[number]
        start = int(own.places[own.starts[begin]])
        stop = int(own.places[own.starts[end] - 1]) + 1
        worth = weight
        if not attack:
            hard = 1.0 / (1.0 + np.exp(-2.0 * (rarities[number] + 1.5)))
            worth *= (EASY + hard) / (1.0 + 0.5 * (len(chosen) - 1))
        yield Stretch(text.text, start, stop, attack, float(worth))


def _rarities(cut: Cut, model: Model, table: Floats) -> Floats:
    """Of each window: 0 where a harmless text in a thousand reaches it, 1 one in ten thousand."""
    margins = window_margins(cut, table) + model.bias
    lines = []
    for known, values in model.knots:
        often, seldom = known[values.index(0.5)], known[values.index(0.9)]
        lines.append((seldom, seldom - often))
    at, worth = np.array([lines[size] for size, _, _ in cut.windows]).T
    found: Floats = (margins - at) / worth
    return found


def _worst(cut: Cut, small: Sequence[int], rarities: Floats, most: int) -> list[int]:
    """The rarest of the `small` windows, not too near to one another."""
    chosen: list[int] = []
    for number in sorted(small, key=lambda n: -rarities[n]):
        _, begin, end = cut.windows[number]
        if all(
            end + _APART <= cut.windows[other][1] or begin >= cut.windows[other][2] + _APART
            for other in chosen
        ):
            chosen.append(number)
        if len(chosen) == most:
            break
    return chosen
