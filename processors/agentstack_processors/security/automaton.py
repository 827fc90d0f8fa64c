# SPDX-License-Identifier: Apache-2.0
"""Many expressions in one pass, and what they answer, as bits."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import re2

Bits = int
"""A set of small numbers, one bit each."""

BOUND = re.compile(r"\|\w[\w ]*\|?")
"""Stems that stand at the beginning of a word, or are words."""


def expression(stem: str) -> str:
    """The RE2 expression of a stem: `ai` anywhere, `|ai` where a word begins, `|ai|` as a word."""
    if not BOUND.fullmatch(stem):
        return str(re2.escape(stem))
    return rf"\b{re2.escape(stem.strip('|'))}" + (r"\b" if stem.endswith("|") else "")


class Automaton:
    """Expressions in one automaton: a single pass says which of them match.

    Args:
        answers: What is answered where an expression, RE2, matches.
        memory: Bytes its states may take; what is beyond costs time.
    """

    def __init__(self, answers: Mapping[str, Bits], memory: int = 8 << 20) -> None:
        options = re2.Options()
        options.max_mem = memory
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        # `Match` returns None both for nothing and for want of memory. This one always matches.
        self._set.Add("(?s).")
        for pattern in answers:
            self._set.Add(pattern)
        self._set.Compile()
        self._answers = (0, *answers.values())
        self._all: Bits = 0
        for bits in self._answers:
            self._all |= bits

    def found(self, data: bytes) -> Bits:
        """What is answered where `data`, UTF-8, is searched."""
        if not data:
            return 0
        matched = self._set.Match(data)
        if matched is None:  # out of memory for its states: then everything may be there
            return self._all
        found, answers = 0, self._answers
        for number in matched:
            found |= answers[number]
        return found


def numbers(bits: Bits) -> Iterator[int]:
    """Which bits are set, the lowest first."""
    if not bits:
        return
    digits = bin(bits)[:1:-1]
    at = digits.find("1")
    while at >= 0:
        yield at
        at = digits.find("1", at + 1)


__all__ = ["BOUND", "Automaton", "Bits", "expression", "numbers"]
