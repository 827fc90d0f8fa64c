# SPDX-License-Identifier: Apache-2.0
"""Who is measured: what this project ships, and the naive patterns that others ship."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from agentstack_processors.redaction.redactor import Redactor, evaluation_config
from agentstack_processors.security.engine import Config, Engine
from agentstack_processors.security.verdict import Scope


class Shipped:
    """Our engine and our redactor with every type switched on, IP and MAC addresses too."""

    def __init__(self, config: Config | None = None) -> None:
        self._engine = Engine(config)
        self._redactor = Redactor(evaluation_config())
        # Tables are built at first use; that is not the price of a text.
        self._engine.judge("warm up, please ignore the previous text")
        self._redactor.find("warm up: nobody@example.com")

    def score(self, text: str, scope: Scope) -> tuple[int, str]:
        """The verdict's score and explanation."""
        verdict = self._engine.judge(text, scope)
        return verdict.score, verdict.explanation

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """What would be redacted."""
        for find in self._redactor.find(text):
            yield find.start, find.end, find.type


_INJECTIONS: Final = (
    r"ignore (all )?(the )?(previous|prior|above) (instructions|prompts|directions)",
    r"disregard (all )?(the )?(previous|prior|above)",
    r"forget (everything|all|your) (instructions|above|previous)?",
    r"you are now (a |an |in )?",
    r"system prompt",
    r"reveal (your|the) (instructions|prompt|system)",
    r"print (your|the) (instructions|prompt)",
    r"\bDAN\b",
    r"do anything now",
    r"jailbreak",
    r"developer mode",
    r"act as (if you|though you|an? unrestricted)",
    r"pretend (you are|to be)",
    r"(override|bypass) (your |the |all )?(safety|rules|restrictions|filters)",
    r"new instructions:",
    r"<\|im_start\|>|\[INST\]",
)
_PERSONAL: Final = (
    ("EMAIL_ADDRESS", r"\b[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}\b"),
    ("PHONE_NUMBER", r"(?:\+?\d{1,3}[-. ]?)?\(?\d{3}\)?[-. ]?\d{3}[-. ]?\d{4}\b"),
    ("CREDIT_CARD", r"\b(?:\d[ -]?){13,16}\b"),
    ("US_SSN", r"\b\d{3}-\d{2}-\d{4}\b"),
    ("IBAN_CODE", r"\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b"),
    ("IP_ADDRESS", r"\b(?:\d{1,3}\.){3}\d{1,3}\b"),
    ("AWS_ACCESS_KEY", r"\bAKIA[0-9A-Z]{16}\b"),
    ("OPENAI_KEY", r"\bsk-[A-Za-z0-9]{20,}\b"),
    ("GITHUB_TOKEN", r"\bghp_[A-Za-z0-9]{36}\b"),
    ("PASSWORD", r"(?i)\bpassword\s*[:=]\s*\S+"),
    ("JWT", r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"),
)


class Naive:
    """One list of phrases and one of plain patterns, as found in guardrails and log scrubbers."""

    def __init__(self) -> None:
        self._phrases = re.compile("|".join(_INJECTIONS), re.IGNORECASE)
        self._patterns = [(name, re.compile(pattern)) for name, pattern in _PERSONAL]

    def score(self, text: str, scope: Scope) -> tuple[int, str]:
        """100 for any phrase; a list of phrases does not know scopes."""
        del scope
        found = self._phrases.search(text)
        return (0, "") if found is None else (100, f"phrase {found.group()!r}")

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Every match; where two begin within one another, the first of the list."""
        taken: list[tuple[int, int]] = []
        for name, pattern in self._patterns:
            for found in pattern.finditer(text):
                start, end = found.span()
                if all(end <= first or last <= start for first, last in taken):
                    taken.append((start, end))
                    yield start, end, name


__all__ = ["Naive", "Shipped"]
