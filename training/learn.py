# SPDX-License-Identifier: Apache-2.0
"""From texts to weights: which windows teach, in two rounds.

An attack of a page has windows that say nothing: the first round lets all of them speak a little,
the second believes the strongest. Of benign text the windows that look worst teach most.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from agentstack_processors.security.statistics.grams import grams

from training.dataset import Cut, gather
from training.fit import SIZE, Floats, Ids, fit

ROUNDS = (40, 60)
RIDGE = (4e-6, 2e-5, 2e-6, 2e-6)
"""Of words, characters, classes, classes that say something: characters learn by heart fastest."""
SOURCES = 2
"""In so many sources of attacks, or of harmless texts, a feature must occur to have a weight: what
occurs in one tells that source, not attacks."""
TEMPER = 0.5
"""A source of n texts weighs n to this power."""
MARKERS = ("canary",)
"""Words that those who write tests plant and look for: they tell a test, not an attack."""
_FIRST = 6
_BEST = 0.35

Chosen = list[tuple[Cut, tuple[int, int, int], float]]


def learn(cuts: Sequence[Cut], seed: int) -> Floats:
    """(SIZE + 1,) weights, the bias last."""
    texts = weighed(cuts)
    ridge = np.repeat(RIDGE, SIZE // len(RIDGE))
    kept = shared(cuts)
    rng = np.random.default_rng(seed)
    weights = fit(gather(_first(texts, rng)), ridge, ROUNDS[0], None, kept)
    return fit(gather(_second(texts, rng, weights)), ridge, ROUNDS[1], weights, kept)


def without_markers(weights: Floats) -> Floats:
    """`weights` in which `MARKERS` say nothing by themselves."""
    found = weights.copy()
    for word in MARKERS:
        found[grams(word).words.ravel()] = 0.0
    return found


def shared(cuts: Sequence[Cut]) -> npt.NDArray[np.bool_]:
    """(SIZE,) features that occur in enough sources of one label."""
    by_source: dict[tuple[str, bool], list[Ids]] = {}
    for cut in cuts:
        by_source.setdefault((cut.text.source, cut.text.attack), []).append(cut.ids)
    counts = np.zeros((2, SIZE), np.uint16)
    for (_, attack), ids in by_source.items():
        counts[int(attack), np.unique(np.concatenate(ids))] += 1
    found: npt.NDArray[np.bool_] = counts.max(axis=0) >= SOURCES
    return found


def weighed(cuts: Sequence[Cut]) -> list[tuple[Cut, float]]:
    """Each text with its weight: attacks together weigh half of what harmless texts do."""
    totals: dict[tuple[str, bool], float] = {}
    for cut in cuts:
        key = cut.text.source, cut.text.attack
        totals[key] = totals.get(key, 0.0) + cut.text.weight
    sides = dict.fromkeys((False, True), 0.0)
    for (_, attack), total in totals.items():
        sides[attack] += total**TEMPER
    count = sum(not cut.text.attack for cut in cuts)
    share = {False: count, True: 0.5 * count}
    return [
        (cut, cut.text.weight * total ** (TEMPER - 1) * share[attack] / sides[attack])
        for cut in cuts
        if (total := totals[cut.text.source, (attack := cut.text.attack)])
    ]


def _first(weighed: Sequence[tuple[Cut, float]], rng: np.random.Generator) -> Chosen:
    chosen: Chosen = []
    for cut, weight in weighed:
        count = len(cut.windows)
        some = rng.permutation(count)[:_FIRST] if count > _FIRST else range(count)
        share = weight / max(1, len(some))
        if not cut.text.attack:
            share *= min(3, len(some))
        chosen += [(cut, cut.windows[int(n)], share) for n in some]
    return chosen


def _second(
    weighed: Sequence[tuple[Cut, float]], rng: np.random.Generator, weights: Floats
) -> Chosen:
    table = weights.astype(np.float32)
    chosen: Chosen = []
    for cut, weight in weighed:
        margins = window_margins(cut, table)
        order = np.argsort(-margins, kind="stable")
        if cut.text.attack:
            kept = order[: max(1, round(_BEST * len(order)))][: 2 * _FIRST]
            share = weight / max(1, len(kept))
        else:
            rest = order[_FIRST:]
            kept = np.concatenate((order[:_FIRST], rng.permutation(rest)[: _FIRST // 2]))
            share = weight * min(4, len(kept)) / max(1, len(kept))
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
