# SPDX-License-Identifier: Apache-2.0
"""What the detectors say about one text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scope = Literal["user", "system", "assistant", "tool_input", "tool_output"]
"""Where a text stands in a conversation; retrieved documents are `tool_output`."""

SCOPES: tuple[Scope, ...] = ("user", "system", "assistant", "tool_input", "tool_output")

Detector = Literal["rule", "yara", "statistics"]

EXCERPT = 160
"""Most characters of an excerpt."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One detector's hit in a text.

    Attributes:
        detector: Which of the three.
        rule: Id of the rule; `statistics` for the statistical score.
        category: What kind of threat.
        weight: 0 to 100: what this finding alone says, after scope and context were weighed.
        start: Offset of the first character in the original text.
        end: Offset behind the last one.
        excerpt: What stands there, scrubbed, at most `EXCERPT` characters.
    """

    detector: Detector
    rule: str
    category: str
    weight: int
    start: int
    end: int
    excerpt: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """All detectors on one text.

    Attributes:
        score: 0 to 100; 30 and more is an alert (`security.alert.severity`).
        category: Of the heaviest finding, or '' when there is none.
        findings: Heaviest first.
        explanation: One sentence for a person, without any of the text.
    """

    score: int = 0
    category: str = ""
    findings: tuple[Finding, ...] = ()
    explanation: str = ""


CLEAN = Verdict()

__all__ = ["CLEAN", "EXCERPT", "SCOPES", "Detector", "Finding", "Scope", "Verdict"]
