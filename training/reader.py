# SPDX-License-Identifier: Apache-2.0
"""Teach the second reader: a pretrained encoder's first layers, on the worst stretch of each text.

Needs `pip install -r training/requirements.txt` (jax); detection does not. Takes a quarter of an
hour on one core. The embeddings stay as they were, so that words no text here has used mean what
they meant; places, layers and the head learn. What comes out is the mean of the weights of the
later steps.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpy.typing as npt
from agentstack_processors.security.statistics.reader import PIECES, SecondReader
from agentstack_processors.security.statistics.reader_file import Layer, Read, stepped

from training.encoder import HEADS, Encoder, encoder, fetched
from training.stretches import Stretch

MASK = "[MASK]"
LAYERS = 3
KNOWN = 20_000
SEEN = 24_000
"""Stretches read in the course of learning; the likelier drawn, the more a stretch weighs."""
BATCH = 64
RATE = 1.5e-4
HEAD_RATE = 1e-3
DECAY = 0.01
WARM = 0.06
DROPPED = 0.1
MASKED = 0.1
"""Share of pieces hidden while learning: no one word is to decide."""
CROPPED = 0.5
"""Share of stretches of which only a part is shown: their length is to say nothing."""
SMOOTHED = 0.01
_LENGTHS = (24, 36, 48, PIECES)
"""To which shown pieces are filled up: of each the step is compiled anew."""

Ids = npt.NDArray[np.int32]
Tree = dict[str, Any]


@dataclass(frozen=True)
class Batch:
    """(stretches, pieces) ids, 0 where there is none, and which stretches are attacks."""

    ids: Ids
    attack: npt.NDArray[np.float32]


def taught(stretches: Sequence[Stretch], seed: int, told: dict[str, Any]) -> Read:
    """A reader; the same stretches and seed give the same weights on one machine."""
    begun = encoder(fetched(), LAYERS, PIECES, KNOWN)
    blank = _read(begun, _tree(begun), {})
    cutter = SecondReader(blank)
    pieces = [cutter.pieces(one.text, one.start, one.end) for one in stretches]
    rng = np.random.default_rng(seed)
    batches = _batches(pieces, stretches, rng, begun.vocabulary.index(MASK))
    return _read(begun, _learned(begun, batches, seed), told)


# --- what is shown


def _batches(
    pieces: Sequence[list[int]], stretches: Sequence[Stretch], rng: np.random.Generator, mask: int
) -> Iterator[Batch]:
    """Drawn by weight, those of like length together."""
    share = np.array([one.weight for one in stretches])
    drawn = rng.choice(len(stretches), SEEN // BATCH * BATCH, p=share / share.sum())
    attack = np.array([one.attack for one in stretches], np.float32)
    for some in np.split(drawn, range(16 * BATCH, len(drawn), 16 * BATCH)):
        alike = np.array(sorted(some, key=lambda n: len(pieces[n]))).reshape(-1, BATCH)
        for rows in alike[rng.permutation(len(alike))]:
            shown = [_cropped(pieces[n], rng) for n in rows]
            yield Batch(_hidden(_padded(shown), rng, mask), attack[rows])


def _cropped(ids: list[int], rng: np.random.Generator) -> list[int]:
    if len(ids) <= 20 or rng.random() >= CROPPED:
        return ids
    inner = ids[1:-1]
    room = int(rng.integers(16, len(inner) + 1))
    begin = (len(inner) - room) // 2 + int(rng.integers(-4, 5))
    begin = max(0, min(begin, len(inner) - room))
    return [ids[0], *inner[begin : begin + room], ids[-1]]


def _padded(shown: Sequence[list[int]]) -> Ids:
    longest = max(map(len, shown))
    length = next(size for size in _LENGTHS if size >= longest)
    found = np.zeros((len(shown), length), np.int32)
    for row, ids in zip(found, shown, strict=True):
        row[: len(ids)] = ids
    return found


def _hidden(ids: Ids, rng: np.random.Generator, mask: int) -> Ids:
    """With some pieces replaced by `MASK`; the marks and the filling stay."""
    marks = (ids == 0) | (ids == ids[0, 0])
    ends = np.roll(marks, -1, axis=1) & ~marks
    return np.where((rng.random(ids.shape) < MASKED) & ~marks & ~ends, mask, ids).astype(np.int32)


# --- how it learns


def _tree(begun: Encoder) -> Tree:
    """What learns, as jax wants it."""
    width = begun.embeddings.shape[1]
    names = [each.name for each in fields(Layer)]
    layers = [{name: getattr(layer, name) for name in names} for layer in begun.layers]
    return {
        "places": begun.places,
        "first": begun.first,
        "layers": layers,
        "head": np.zeros(2 * width, np.float32),
        "bias": np.zeros((), np.float32),
    }


def _learned(begun: Encoder, batches: Iterator[Batch], seed: int) -> Tree:
    """What is learned, batch by batch (AdamW, Loshchilov and Hutter 2019)."""
    tree = jax.tree.map(jnp.asarray, _tree(begun))
    state = tree, jax.tree.map(jnp.zeros_like, tree), jax.tree.map(jnp.zeros_like, tree)
    steps, key = SEEN // BATCH, jax.random.key(seed)
    for number, batch in enumerate(batches):
        pace = min(1.0, number / (WARM * steps)) * max(0.02, 1.0 - number / steps)
        embedded = begun.embeddings[batch.ids]
        key, own = jax.random.split(key)
        shown = embedded, batch.ids != 0, batch.attack
        state, loss = _stepped(state, shown, own, (number + 1.0, pace))
        if number % 50 == 49:
            print(f"reader: step {number + 1} of {steps}, loss {float(loss):.3f}", file=sys.stderr)
    learned: Tree = jax.tree.map(np.asarray, state[0])
    return learned


@jax.jit
def _stepped(state: Any, shown: Any, key: Any, pace: tuple[float, float]) -> Any:
    tree, first, second = state
    loss, slope = jax.value_and_grad(_loss)(tree, *shown, key)
    norm = jnp.sqrt(sum(jnp.sum(part * part) for part in jax.tree.leaves(slope)))
    slope = jax.tree.map(lambda part: part * jnp.minimum(1.0, 1.0 / (norm + 1e-6)), slope)
    first = jax.tree.map(lambda old, new: 0.9 * old + 0.1 * new, first, slope)
    second = jax.tree.map(lambda old, new: 0.999 * old + 0.001 * new * new, second, slope)
    count, share = pace

    def moved(path: Any, weight: Any, one: Any, two: Any) -> Any:
        step = one / (1 - 0.9**count) / (jnp.sqrt(two / (1 - 0.999**count)) + 1e-8)
        rate = HEAD_RATE if path[0].key in ("head", "bias") else RATE
        return weight - share * rate * (step + DECAY * weight)

    tree = jax.tree_util.tree_map_with_path(moved, tree, first, second)
    return (tree, first, second), loss


def _loss(tree: Tree, embedded: Any, there: Any, attack: Any, key: Any) -> Any:
    said = _said(tree, embedded, there, key)
    wanted = attack * (1 - 2 * SMOOTHED) + SMOOTHED
    return (jnp.logaddexp(0.0, said) - wanted * said).mean()


def _said(tree: Tree, embedded: Any, there: Any, key: Any) -> Any:
    """As `SecondReader` computes it, many texts at once, and with parts left out at random."""
    count, pieces, width = embedded.shape
    state = _normal(embedded + tree["places"][:pieces], tree["first"])
    blind = jnp.where(there, 0.0, -1e9)[:, None, None, :]
    for number, layer in enumerate(tree["layers"]):
        one, two = jax.random.split(jax.random.fold_in(key, number))
        asked = (state @ layer["asks"] + layer["asks_bias"]).reshape(count, pieces, 3, HEADS, -1)
        query, keys, value = asked.transpose(2, 0, 3, 1, 4)
        share = jax.nn.softmax(query @ keys.swapaxes(-1, -2) * (width // HEADS) ** -0.5 + blind)
        found = (share @ value).transpose(0, 2, 1, 3).reshape(count, pieces, width)
        found = _left_out(found @ layer["out"] + layer["out_bias"], one)
        state = _normal(state + found, layer["after"])
        inner = jax.nn.gelu(state @ layer["wide"] + layer["wide_bias"], approximate=True)
        inner = _left_out(inner @ layer["narrow"] + layer["narrow_bias"], two)
        state = _normal(state + inner, layer["last"])
    kept = there[:, :, None]
    mean = (state * kept).sum(1) / kept.sum(1)
    largest = jnp.where(kept, state, -1e4).max(1)
    return jnp.concatenate((mean, largest), axis=1) @ tree["head"] + tree["bias"]


def _normal(state: Any, norm: Any) -> Any:
    state = state - state.mean(-1, keepdims=True)
    state = state / jnp.sqrt((state * state).mean(-1, keepdims=True) + 1e-12)
    return state * norm[0] + norm[1]


def _left_out(state: Any, key: Any) -> Any:
    return state * jax.random.bernoulli(key, 1 - DROPPED, state.shape) / (1 - DROPPED)


def _read(begun: Encoder, tree: Tree, told: dict[str, Any]) -> Read:
    """As detection reads it; large tables are rounded when it is written."""
    steps, worth = stepped(begun.embeddings, 1)
    return Read(
        vocabulary=begun.vocabulary,
        heads=HEADS,
        embeddings=steps,
        worth=worth,
        places=tree["places"],
        first=tree["first"],
        layers=tuple(Layer(**layer) for layer in tree["layers"]),
        head=tree["head"],
        bias=round(float(tree["bias"]), 6),
        told=told,
    )
