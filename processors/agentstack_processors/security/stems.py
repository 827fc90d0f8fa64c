# SPDX-License-Identifier: Apache-2.0
"""Which of thousands of stems occur in a text, by its words.

Of each word it is remembered what it says: people use the same words again and again. Stems of
several words or with other signs are looked for only where their longest words stand, and only
where they could decide something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import re2

from agentstack_processors.security.automaton import BOUND, Bits, expression
from agentstack_processors.security.words import KEY, NOTHING, Answer, Words

REMEMBERED = 30_000
"""Words of which it is remembered what they answer; when it is more, it begins anew."""
LONGEST = 24
"""Letters of such words; longer ones are numbers and codes, which do not come again."""

_RUN = re.compile("[0-9a-z_]+")
_DIGITS = str.maketrans("123456789", "000000000")
_CUT = bytes(
    0x30 if 0x30 <= code <= 0x39 else code if code < 0x80 and re.match(r"\w", chr(code)) else 0x20
    for code in range(0x100)
)
"""What texts are cut into words with: what is of no word is a gap, and all digits are alike, since
numbers are never the same again. Stems with digits in them are looked for as phrases are."""

_Phrase = tuple[bytes, Bits, Any]


class Stems:
    """Answers of texts to questions; immutable but for what it remembers of words.

    Args:
        answers: By stem, what is answered where it occurs.
        needed: Of answers that are possible, those that matter: phrases are looked for only where
            they might decide something.
    """

    def __init__(
        self,
        answers: Mapping[str, Bits],
        needed: Callable[[Bits], Bits] = lambda possible: possible,
    ) -> None:
        self._needed = needed
        self._words = Words()
        self._known: dict[bytes, Answer] = {}
        self._phrases: list[_Phrase] = []
        self._signs: list[_Phrase] = []
        self._of_signs: Bits = 0
        self._foreign: dict[str, list[_Phrase]] = {}
        for stem, bits in answers.items():
            self._add(stem, bits)

    def _add(self, stem: str, bits: Bits) -> None:
        if not stem.isascii():
            key = next(char for char in stem if not char.isascii())
            self._foreign.setdefault(key, []).append(_phrase(stem, bits))
        elif _is_word(stem):
            self._words.add(stem.strip("|"), *_bounds(stem), Answer(bits))
        elif words := _words_of(stem):
            number = len(self._phrases)
            self._phrases.append(_phrase(stem, bits))
            words.sort(key=lambda word: -len(word[0]))
            if len(words) > 1 and len(words[1][0]) >= KEY:  # "an" ends half of all words
                self._words.add(*words[0], Answer(0, first=(number,)))
                self._words.add(*words[1], Answer(0, second=(number,)))
            else:
                self._words.add(*words[0], Answer(0, phrases=(number,)))
        else:
            self._signs.append(_phrase(stem, bits))
            self._of_signs |= bits

    def found(self, data: bytes) -> Bits:
        """What a folded text, UTF-8, answers, of that which matters."""
        answers, known = 0, self._known
        phrases, first, second = set[int](), set[int](), set[int]()
        words = [*set(data.translate(_CUT).split())]
        said = [*map(known.get, words)]
        if None in said:  # by what was said and not by what is known now: threads share it
            said += self._new([word for word, it in zip(words, said, strict=True) if it is None])
        for answer in said:
            if answer is None or answer is NOTHING:
                continue
            bits, alone, longest, longer = answer
            answers |= bits
            if alone:
                phrases.update(alone)
            if longest:
                first.update(longest)
            if longer:
                second.update(longer)
        first &= second
        phrases |= first
        if not data.isascii():
            answers |= self._abroad(data)
        return self._with_phrases(answers, phrases, data)

    def _new(self, words: Sequence[bytes]) -> list[Answer]:
        answers = self._words.read(words)
        for word, answer in zip(words, answers, strict=True):
            if len(word) <= LONGEST:
                if len(self._known) >= REMEMBERED:
                    self._known.clear()
                self._known[word] = answer
        return answers

    def _with_phrases(self, answers: Bits, numbers: Iterable[int], data: bytes) -> Bits:
        """`answers`, and those of phrases of which the longest words are there."""
        phrases = [self._phrases[number] for number in numbers]
        possible = answers | self._of_signs
        for _, bits, _ in phrases:
            possible |= bits
        needed = self._needed(possible) & ~answers
        if needed & self._of_signs:
            phrases += self._signs
        for literal, bits, exactly in phrases:
            if bits & needed and literal in data and _as_bounded(exactly, data):
                answers |= bits
        return answers

    def _abroad(self, data: bytes) -> Bits:
        """The answers of stems that are not ASCII."""
        answers = 0
        for char in self._foreign.keys() & set(data.decode("utf-8", "ignore")):
            for literal, bits, exactly in self._foreign[char]:
                if literal in data and _as_bounded(exactly, data):
                    answers |= bits
        return answers


def _as_bounded(exactly: Any, data: bytes) -> bool:
    return exactly is None or exactly.search(data) is not None


def _is_word(stem: str) -> bool:
    """Whether a stem is (part of) one word, of which it can be remembered."""
    if any(map(str.isdigit, stem)):
        return False
    bounded = BOUND.fullmatch(stem) is not None
    return _RUN.fullmatch(stem.strip("|") if bounded else stem) is not None


def _bounds(stem: str) -> tuple[bool, bool]:
    """Whether a stem stands at the beginning of a word, and at the end of one."""
    return stem.startswith("|"), stem.startswith("|") and stem.endswith("|")


def _words_of(stem: str) -> list[tuple[str, bool, bool]]:
    """The words of a phrase; of each whether a word of the text must begin and end with it."""
    begins, ends = _bounds(stem) if BOUND.fullmatch(stem) else (False, False)
    text = stem.strip("|") if begins else stem
    return [
        (run[0].translate(_DIGITS), begins or run.start() > 0, ends or run.end() < len(text))
        for run in _RUN.finditer(text)
    ]


def _phrase(stem: str, bits: Bits) -> _Phrase:
    """What to look for, what it answers, and how it is bounded, if it is."""
    if not BOUND.fullmatch(stem):
        return stem.encode(), bits, None
    return stem.strip("|").encode(), bits, re2.compile(expression(stem).encode())


__all__ = ["Stems"]
