# SPDX-License-Identifier: Apache-2.0
"""Necessary conditions: questions so cheap that clean text pays for little else."""

from __future__ import annotations

from typing import AnyStr

from agentstack_processors.redaction.folding import fold
from agentstack_processors.redaction.patterns import Pattern

_Test = tuple[tuple[Pattern, ...], tuple[str, ...], tuple[bytes, ...], tuple[bytes, ...]]


class Prefilter:
    """Which rows of the table are worth asking about a text."""

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self._patterns = patterns
        # Rows that ask the same question are asked it once.
        questions: dict[tuple[tuple[str, ...], tuple[bytes, ...], tuple[bytes, ...]], None] = {}
        for pattern in patterns:
            questions[pattern.literals, pattern.words, pattern.shapes] = None
        self._tests: list[_Test] = [
            (
                tuple(p for p in patterns if (p.literals, p.words, p.shapes) == question),
                *question,
            )
            for question in questions
        ]

    def candidates(self, text: str) -> list[Pattern]:
        """The rows whose necessary conditions `text` meets, in the order of the table."""
        folded = fold(text)
        met: list[Pattern] = []
        for patterns, literals, words, shapes in self._tests:
            if (
                (not literals or _any_of(literals, text))
                and (not shapes or _any_of(shapes, folded))
                and (not words or _any_of(words, folded))
            ):
                met += patterns
        return met


def _any_of(needles: tuple[AnyStr, ...], text: AnyStr) -> bool:
    for needle in needles:  # noqa: SIM110  # any() builds a generator, which costs more than this
        if needle in text:
            return True
    return False
