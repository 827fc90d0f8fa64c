# SPDX-License-Identifier: Apache-2.0
"""How what the detectors found becomes one score: every constant of the fusion, in one place.

The rule that was best on sources nobody had trained on: let one detector alone raise an alert only
where it is sure, and ask for agreement in between.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from agentstack_processors.security.verdict import Finding, Scope

SCOPE_WEIGHTS: Mapping[str, Mapping[Scope, float]] = {
    "prompt_injection": {"tool_output": 1.1, "system": 0.5, "assistant": 0.0, "tool_input": 0.8},
    "system_override": {"tool_output": 1.1, "system": 0.5, "assistant": 0.0, "tool_input": 0.8},
    "role_confusion": {"tool_output": 1.2, "system": 0.3, "assistant": 0.0, "tool_input": 0.8},
    "jailbreak": {"tool_output": 1.0, "system": 0.5, "assistant": 0.3, "tool_input": 0.8},
    "prompt_extraction": {"tool_output": 1.1, "system": 0.3, "assistant": 0.0, "tool_input": 0.8},
    "indirect_injection": {"tool_output": 1.25, "system": 0.4, "assistant": 0.0},
    "data_exfiltration": {"tool_output": 1.1, "system": 0.5},
    "obfuscation": {"tool_output": 1.2},
}
"""Factors on a rule's weight by category and scope; what is not named is 1."""

LESSER = 0.4
"""Share of its weight that each finding after the heaviest adds."""

RULES_ALONE = 40
"""Rules that reach this raise an alert whatever the statistics say."""
RULES_AGREE = 22
"""Rules that reach this raise an alert if the statistics agree."""
LINEAR_AGREE = 0.5
"""A statistical score of this agrees (at most 1 % of harmless texts reach it)."""
LINEAR_ALONE = 0.93
"""A statistical score of this raises an alert by itself."""
LINEAR_WEIGHT = 40
"""Score of a statistical value of 1 that nothing else supports."""
AGREEMENT = 25
"""What a statistical value of 1 adds to what the rules found."""
SILENT = 29
"""Highest score that is no alert."""
RAISED: Mapping[Scope, float] = {"system": 0.04, "assistant": 1.0}
"""How much more certain the statistics must be in these scopes; 1 switches them off."""


@dataclass(frozen=True, slots=True)
class Fused:
    """A score and how it came about.

    Attributes:
        score: 0 to 100.
        rules: Share of rules and YARA alone, 0 to 100.
        linear: The statistical value, 0 to 1.
    """

    score: int
    rules: int
    linear: float


def scope_weight(category: str, scope: Scope, own: Mapping[Scope, float]) -> float:
    """The factor on a rule's weight in `scope`; what the rule itself says goes first."""
    return own.get(scope, SCOPE_WEIGHTS.get(category, {}).get(scope, 1.0))


def combined(findings: Sequence[Finding]) -> int:
    """One figure for all findings of rules and YARA: the heaviest, and a share of each other.

    Several findings in the same words are one argument, not several.
    """
    total, counted = 0.0, list[Finding]()
    for finding in sorted(findings, key=lambda each: -each.weight):
        if not any(_same(finding, each) for each in counted):
            total += finding.weight * (LESSER if counted else 1)
            counted.append(finding)
    return min(100, round(total))


def _same(one: Finding, other: Finding) -> bool:
    together = min(one.end, other.end) - max(one.start, other.start)
    shorter = min(one.end - one.start, other.end - other.start)
    return together > shorter / 2


def fused(rules: int, linear: float, scope: Scope) -> Fused:
    """The score of a text.

    Args:
        rules: What `combined` said.
        linear: The statistical value, 0 to 1.
        scope: Where the text stands.
    """
    linear = linear if RAISED.get(scope, 0.0) == 0.0 else _raised(linear, RAISED[scope])
    score = rules
    if linear >= LINEAR_AGREE and rules >= RULES_AGREE:
        score = max(SILENT + 1, round(rules + AGREEMENT * linear))
    elif linear >= LINEAR_ALONE:
        score = max(SILENT + 1, round(LINEAR_WEIGHT * linear + rules))
    elif rules < RULES_ALONE:
        score = min(rules, SILENT)
    return Fused(min(100, score), rules, linear)


def _raised(linear: float, by: float) -> float:
    return max(0.0, linear - by)


__all__ = ["Fused", "combined", "fused", "scope_weight"]
