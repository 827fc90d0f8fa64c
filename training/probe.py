# SPDX-License-Identifier: Apache-2.0
"""Kinds of texts that the weights never see, to watch what they make of them.

The rules named here and the texts of `collected.UNTAUGHT` teach nothing. Adding them to the
training was tried: what resembled them became better and whole held-out sources became worse.
Harmless texts of the same grammars made held-out sources better and are taught
(`generated.LOOK_ALIKES`).
"""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
from agentstack_processors.security.engine import Config, Engine
from agentstack_processors.security.scoring import NEEDED
from agentstack_processors.security.statistics import NgramScorer
from agentstack_processors.security.verdict import Scope

from training.collected import UNTAUGHT, rows
from training.generated import varied
from training.grammar import Grammar

ALERT = 30
KINDS = {True: "attacks", False: "harmless"}
ALONE = NEEDED[-1][0]  # the value from which statistics need no agreement
# grammar, rule, whether an attack, where it would stand
PROBES: tuple[tuple[str, str, bool, Scope], ...] = (
    ("agents", "agent_order", True, "tool_output"),
    ("coaxing", "coaxing", True, "user"),
    ("tongues", "tongue", True, "user"),
)


def probe(scale: float, seed: int) -> str:
    """Markdown: by kind, recall (attacks) or false alarms (harmless texts) as shipped."""
    lines = [
        "| kind | texts | statistics alone | rules alone | all |",
        "|---|---|---|---|---|",
    ]
    scorer, engine = NgramScorer.load(), Engine(Config())
    rules = Engine(Config(disabled=frozenset({"statistics"})))
    for kind, found in _kinds(scale, seed):
        shares = (
            np.mean([scorer.score(text).value >= ALONE for text, _ in found]),
            np.mean([rules.judge(text, scope).score >= ALERT for text, scope in found]),
            np.mean([engine.judge(text, scope).score >= ALERT for text, scope in found]),
        )
        cells = " | ".join(f"{share:.3f}" for share in shares)
        lines.append(f"| {kind} | {len(found)} | {cells} |")
    return "\n".join(lines)


def _kinds(scale: float, seed: int) -> Iterator[tuple[str, list[tuple[str, Scope]]]]:
    """Each kind's name and its texts, with where they would stand."""
    for name, rule, attack, scope in PROBES:
        texts = written(name, rule, round(600 * scale), seed)
        yield f"{rule}, {KINDS[attack]}", [(text, scope) for text in texts]
    for attack in (True, False):
        for source in sorted(UNTAUGHT):
            if found := untaught(source, attack):
                some = max(1, round(min(1.0, scale) * len(found)))
                yield f"{source}, {KINDS[attack]}", found[:some]


def untaught(source: str, attack: bool) -> list[tuple[str, Scope]]:
    """Texts of one of `UNTAUGHT`, with where they would stand."""
    return [
        (row["text"], row["scope"])
        for name, row in rows()
        if name == source and (row["label"] == 1) is attack
    ]


def written(name: str, rule: str, count: int, seed: int) -> list[str]:
    """`count` different texts of a rule; the same seed, the same texts."""
    rng = random.Random(seed)  # noqa: S311 - texts, not keys
    grammar = Grammar(name)
    texts = (varied(grammar.write(rule, rng), rng) for _ in range(count))
    return sorted({text for text in texts if len(text) > 3})
