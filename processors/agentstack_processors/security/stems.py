# SPDX-License-Identifier: Apache-2.0
"""Which of thousands of stems occur in a text: the question every text is asked, so it is cheap.

One automaton, one pass. Its states are the sets of stems seen so far, so a text in new words builds
new ones; after some thousand texts most are there. A dictionary of words instead was tried: half
the price on words never seen, four times the price on those that come again, and most do.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence

import re2

Bits = int
"""A set of small numbers, one bit each."""

_BOUND = re.compile(r"\|\w[\w ]*\|?")
_MEMORY = 64 << 20


def expression(stem: str) -> str:
    """The RE2 expression of a stem: `ai` anywhere, `|ai` where a word begins, `|ai|` as a word."""
    if not _BOUND.fullmatch(stem):
        return str(re2.escape(stem))
    return rf"\b{re2.escape(stem.strip('|'))}" + (r"\b" if stem.endswith("|") else "")


class Stems:
    """Literals and shapes in one automaton; a single pass says which questions they answer.

    Args:
        questions: By the bit that is set where it is answered: the stems of which one must occur.
        shapes: Likewise, RE2 expressions of which one must match.
    """

    def __init__(
        self,
        questions: Mapping[int, Iterable[str]],
        shapes: Mapping[int, Sequence[str]] | None = None,
    ) -> None:
        # `Match` returns None both for nothing and for want of memory. This one always matches.
        answers: dict[str, Bits] = {"(?s).": 0}
        for bit, stems in questions.items():
            for stem in stems:
                pattern = expression(stem)
                answers[pattern] = answers.get(pattern, 0) | 1 << bit
        for bit, patterns in (shapes or {}).items():
            for pattern in patterns:
                answers[pattern] = answers.get(pattern, 0) | 1 << bit
        options = re2.Options()
        options.max_mem = _MEMORY
        options.log_errors = False
        self._set = re2.Set.SearchSet(options)
        for pattern in answers:
            self._set.Add(pattern)
        self._set.Compile()
        self._answers = tuple(answers.values())
        self._all: Bits = 0
        for bits in self._answers:
            self._all |= bits

    def found(self, data: bytes) -> Bits:
        """The questions that a folded text, UTF-8, answers."""
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


__all__ = ["Bits", "Stems", "expression", "numbers"]
