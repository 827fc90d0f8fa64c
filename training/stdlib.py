# SPDX-License-Identifier: Apache-2.0
"""Benign text that every interpreter has: the standard library's source and its documentation."""

from __future__ import annotations

import random
import sysconfig
from pathlib import Path

from training.corpora import Text

_CHUNK = 2000


def standard_library(count: int, seed: int) -> list[Text]:
    """`count` pieces of up to 2,000 characters, of source and of `pydoc_data`."""
    rng = random.Random(seed)  # noqa: S311 - texts, not keys
    root = Path(sysconfig.get_path("stdlib"))
    names = [
        path
        for path in sorted(root.rglob("*.py"))
        if "site-packages" not in path.parts and "lib2to3" not in path.parts
    ]
    chosen = rng.sample(names, min(count, len(names)))
    pieces = [_piece(path.read_text(encoding="utf-8", errors="replace"), rng) for path in chosen]
    try:
        from pydoc_data.topics import topics
    except ImportError:
        topics = {}
    pieces += [_piece(topics[name], rng) for name in sorted(topics)[:count]]
    return [Text(piece, False, "stdlib") for piece in pieces if piece.strip()]


def _piece(text: str, rng: random.Random) -> str:
    size = rng.choice((200, 600, _CHUNK, _CHUNK))
    begin = rng.randrange(max(1, len(text) - size))
    return text[begin : begin + size]
