# SPDX-License-Identifier: Apache-2.0
"""From texts to weights: which windows teach, in two rounds.

An attack of a page has windows that say nothing: the first round lets all of them speak a little,
the second believes the strongest. Of benign text the windows that look worst teach most.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from training.dataset import Cut, gather
from training.fit import Floats, fit

RIDGE = 2e-6
ROUNDS = (25, 35)
_FIRST = 6
_BEST = 0.35

Chosen = list[tuple[Cut, tuple[int, int, int], float]]


def learn(cuts: Sequence[Cut], seed: int, ridge: float = RIDGE) -> Floats:
    """(2 x 2**18 + 1,) weights."""
    balance = _balance(cuts)
    rng = np.random.default_rng(seed)
    weights = fit(gather(_first(cuts, balance, rng)), ridge, ROUNDS[0])
    return fit(gather(_second(cuts, balance, rng, weights)), ridge, ROUNDS[1], weights)


def _balance(cuts: Sequence[Cut]) -> float:
    """What an attack weighs, so that attacks together weigh half of what benign texts do."""
    good = sum(cut.text.weight for cut in cuts if not cut.text.attack)
    bad = sum(cut.text.weight for cut in cuts if cut.text.attack)
    return 0.5 * good / max(bad, 1e-9)


def _first(cuts: Sequence[Cut], balance: float, rng: np.random.Generator) -> Chosen:
    chosen: Chosen = []
    for cut in cuts:
        count = len(cut.windows)
        some = rng.permutation(count)[:_FIRST] if count > _FIRST else range(count)
        share = cut.text.weight / max(1, len(some))
        if cut.text.attack:
            share *= balance
        else:
            share *= min(3, len(some))
        chosen += [(cut, cut.windows[int(n)], share) for n in some]
    return chosen


def _second(
    cuts: Sequence[Cut], balance: float, rng: np.random.Generator, weights: Floats
) -> Chosen:
    table = weights.astype(np.float32)
    chosen: Chosen = []
    for cut in cuts:
        margins = window_margins(cut, table)
        order = np.argsort(-margins, kind="stable")
        if cut.text.attack:
            kept = order[: max(1, round(_BEST * len(order)))][: 2 * _FIRST]
            share = balance * cut.text.weight / max(1, len(kept))
        else:
            rest = order[_FIRST:]
            kept = np.concatenate((order[:_FIRST], rng.permutation(rest)[: _FIRST // 2]))
            share = cut.text.weight * min(4, len(kept)) / max(1, len(kept))
        chosen += [(cut, cut.windows[int(n)], share) for n in kept]
    return chosen


def window_margins(cut: Cut, table: np.ndarray) -> Floats:
    """Margin of each window, without the bias."""
    from training.dataset import SMOOTH

    sums = np.concatenate(([0.0], table[cut.ids].cumsum(dtype=np.float64)))[cut.offsets]
    bounds = np.array([(b, e) for _, b, e in cut.windows]).reshape(-1, 2)
    counts = cut.offsets[bounds[:, 1]] - cut.offsets[bounds[:, 0]] + SMOOTH
    found: Floats = (sums[bounds[:, 1]] - sums[bounds[:, 0]]) / np.sqrt(counts)
    return found
