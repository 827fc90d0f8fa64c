# SPDX-License-Identifier: Apache-2.0
"""The tests that stand beside each rule in its file."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import re2

from agentstack_processors.security.automaton import expression
from agentstack_processors.security.normalise import fold
from agentstack_processors.security.rules import Rule
from agentstack_processors.security.ruleset import Hit, RuleSet


@dataclass(frozen=True, slots=True)
class Failure:
    """A rule that is not what its tests say.

    Attributes:
        rule: Its id.
        place: File and line of the rule.
        text: The test.
        reason: What happened instead.
    """

    rule: str
    place: str
    text: str
    reason: str


def failures(rules: Iterable[Rule]) -> Iterator[Failure]:
    """Run the tests of `rules`, each rule for itself, through the same gate as in the engine."""
    for rule in rules:
        alone = RuleSet([rule])
        for text in rule.matches:
            if not found(alone, text):
                yield Failure(rule.id, rule.place, text, _why(rule, text))
        for text in rule.misses:
            hits = found(alone, text)
            if hits:
                part = fold(text).encode()[hits[0].start : hits[0].end].decode("utf-8", "ignore")
                yield Failure(rule.id, rule.place, text, f"is found, in {part!r}")


def found(rules: RuleSet, text: str) -> list[Hit]:
    """What `rules` find in `text` itself, without undoing any disguise."""
    folded = fold(text).encode("utf-8", "replace")
    bits = rules.stems(folded)
    return [*rules.hits(folded), *rules.raw_hits(text, bits)]


def _why(rule: Rule, text: str) -> str:
    folded = fold(text)
    for group in rule.stems:
        if not any(re2.search(expression(stem), folded) for stem in group):
            return f"is not found: none of the stems {', '.join(group[:6])} occurs in it"
    return "is not found: the pattern does not match (it sees the text in lower case, folded)"


__all__ = ["Failure", "failures", "found"]
