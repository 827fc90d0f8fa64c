# SPDX-License-Identifier: Apache-2.0
"""Logistic regression on hashed features: L-BFGS in numpy, the same result every time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from agentstack_processors.security.statistics.grams import TABLE

Floats = npt.NDArray[np.float64]
Ids = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class Rows:
    """Windows as features: row r has `ids[offsets[r]:offsets[r + 1]]`, each worth `worth[r]`.

    Ids below 2**18 are words, those above characters; no row is empty.
    """

    ids: Ids
    offsets: npt.NDArray[np.int64]
    worth: Floats
    attack: npt.NDArray[np.bool_]
    weight: Floats

    def margins(self, weights: Floats) -> Floats:
        """Of each row, with the bias in the last place of `weights`."""
        taken = weights.astype(np.float32)[self.ids]
        sums = np.add.reduceat(taken, self.offsets[:-1], dtype=np.float64)
        found: Floats = sums * self.worth + weights[-1]
        return found

    def gradient(self, slopes: Floats, size: int) -> Floats:
        """Of `size` weights and the bias, given those of the margins."""
        spread = np.repeat((slopes * self.worth).astype(np.float32), np.diff(self.offsets))
        by_id = np.bincount(self.ids, weights=spread, minlength=size)
        return np.append(by_id, slopes.sum())


def fit(rows: Rows, ridge: float, rounds: int = 40, start: Floats | None = None) -> Floats:
    """(2 x 2**18 + 1,) weights that minimise logistic loss + ridge / 2 times their squares."""
    used = np.flatnonzero(np.bincount(rows.ids, minlength=2 * TABLE))
    place = np.zeros(2 * TABLE, np.uint32)
    place[used] = np.arange(len(used), dtype=np.uint32)
    packed = Rows(place[rows.ids], rows.offsets, rows.worth, rows.attack, rows.weight)
    kept = np.append(used, 2 * TABLE)
    full = np.zeros(2 * TABLE + 1)
    begin = np.zeros(len(kept)) if start is None else start[kept]
    full[kept] = _lbfgs(_loss(packed, ridge), begin, rounds)
    return full


def _loss(rows: Rows, ridge: float) -> Callable[[Floats], tuple[float, Floats]]:
    signs = np.where(rows.attack, 1.0, -1.0)
    total = rows.weight.sum()

    def loss(weights: Floats) -> tuple[float, Floats]:
        turned = signs * rows.margins(weights)
        value = (rows.weight * np.logaddexp(0.0, -turned)).sum() / total
        slopes = -signs * rows.weight / total / (1.0 + np.exp(np.clip(turned, -30, 30)))
        slope = rows.gradient(slopes, len(weights) - 1)
        slope[:-1] += ridge * weights[:-1]
        return float(value + ridge / 2 * (weights[:-1] ** 2).sum()), slope

    return loss


def _lbfgs(
    loss: Callable[[Floats], tuple[float, Floats]], at: Floats, rounds: int, memory: int = 8
) -> Floats:
    value, slope = loss(at)
    pairs: list[tuple[Floats, Floats, float]] = []
    for _ in range(rounds):
        direction = _direction(slope, pairs)
        step, falls = 1.0, float(direction @ slope)
        if not pairs:
            step = 1.0 / max(1e-12, float(np.abs(slope).sum()))
        for _ in range(20):
            there = at + step * direction
            value_there, slope_there = loss(there)
            if value_there <= value + 1e-4 * step * falls:
                break
            step /= 2
        else:
            break
        moved, turned = there - at, slope_there - slope
        if (curve := float(moved @ turned)) > 1e-18:
            pairs = [*pairs[1 - memory :], (moved, turned, 1.0 / curve)]
        done = value - value_there < 1e-6 * abs(value)
        at, value, slope = there, value_there, slope_there
        if done:
            break
    return at


def _direction(slope: Floats, pairs: list[tuple[Floats, Floats, float]]) -> Floats:
    direction = -slope
    alphas = []
    for moved, turned, rho in reversed(pairs):
        alphas.append(alpha := rho * float(moved @ direction))
        direction = direction - alpha * turned
    if pairs:
        moved, turned, rho = pairs[-1]
        direction = direction / (rho * float(turned @ turned))
    for (moved, turned, rho), alpha in zip(pairs, reversed(alphas), strict=True):
        direction = direction + (alpha - rho * float(turned @ direction)) * moved
    return direction
