# SPDX-License-Identifier: Apache-2.0
"""Which of thousands of stems occur in a text, by its words.

Of each word it is remembered what it says: people use the same words again and again. Stems of
several words or with other signs are looked for only where their longest words stand, and only
where they could decide something.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import re2

from agentstack_processors.security.automaton import BOUND, Bits, expression

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
_KEY = 3
"""By so many letters it is known how long the stems are that begin so; few are shorter."""


_Phrase = tuple[bytes, Bits, Any]


class _Answer(NamedTuple):
    """What a word says: the questions it answers, and the phrases it may be a part of.

    Attributes:
        bits: The questions.
        phrases: Those of which it may be the longest word, and no other word is worth asking for.
        first: Those of which it may be the longest word.
        second: Those of which it may be the second longest.
    """

    bits: Bits
    phrases: tuple[int, ...] = ()
    first: tuple[int, ...] = ()
    second: tuple[int, ...] = ()


_NOTHING = _Answer(0)


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
        self._words = _Words()
        self._known: dict[bytes, _Answer] = {}
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
            self._words.add(stem.strip("|"), *_bounds(stem), _Answer(bits))
        elif words := _words_of(stem):
            number = len(self._phrases)
            self._phrases.append(_phrase(stem, bits))
            words.sort(key=lambda word: -len(word[0]))
            if len(words) > 1 and len(words[1][0]) >= _KEY:  # "an" ends half of all words
                self._words.add(*words[0], _Answer(0, first=(number,)))
                self._words.add(*words[1], _Answer(0, second=(number,)))
            else:
                self._words.add(*words[0], _Answer(0, phrases=(number,)))
        else:
            self._signs.append(_phrase(stem, bits))
            self._of_signs |= bits

    def found(self, data: bytes) -> Bits:
        """What a folded text, UTF-8, answers, of that which matters."""
        answers, known = 0, self._known
        phrases, first, second = set[int](), set[int](), set[int]()
        for word in set(data.translate(_CUT).split()):
            answer = known.get(word)
            if answer is None:
                answer = self._new(word)
            if answer is not _NOTHING:
                answers |= answer[0]
                phrases.update(answer[1])
                first.update(answer[2])
                second.update(answer[3])
        first &= second
        phrases |= first
        if not data.isascii():
            answers |= self._abroad(data)
        return self._with_phrases(answers, phrases, data)

    def _new(self, word: bytes) -> _Answer:
        answer = self._words.read(word)
        if len(word) <= LONGEST:
            if len(self._known) >= REMEMBERED:
                self._known.clear()
            self._known[word] = answer
        return answer

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


class _Parts:
    """Parts of words and what they say; from `_KEY` letters on found by their first or last.

    Attributes:
        said: By part.
        sizes: By the first (or last) `_KEY` letters, how long parts are; of shorter ones, by all.
    """

    def __init__(self) -> None:
        self.said: dict[bytes, _Answer] = {}
        self.sizes: dict[bytes, tuple[int, ...]] = {}

    def add(self, part: bytes, key: bytes, answer: _Answer) -> None:
        known = self.said.get(part, _NOTHING)
        self.said[part] = _Answer(
            known.bits | answer.bits,
            known.phrases + answer.phrases,
            known.first + answer.first,
            known.second + answer.second,
        )
        self.sizes[key] = tuple(sorted({*self.sizes.get(key, ()), len(part)}))


class _Words:
    """What a word says, by its beginning, its end and what is in it."""

    def __init__(self) -> None:
        self._begins, self._ends, self._inside = _Parts(), _Parts(), _Parts()
        self._wholes = _Parts()
        self._letters: list[bytes] = []
        self._pairs: set[bytes] = set()

    def add(self, word: str, begins: bool, ends: bool, answer: _Answer) -> None:
        """`answer` for each word with this one in it, at its beginning or its end if so said."""
        part = word.encode()
        if begins:
            (self._wholes if ends else self._begins).add(part, part[:_KEY], answer)
        elif ends:
            self._ends.add(part, part[-_KEY:], answer)
        else:
            self._inside.add(part, part[:_KEY], answer)
            self._pairs.add(part[:2])
            if len(part) == 1:
                self._letters.append(part)

    def read(self, word: bytes) -> _Answer:
        """All that a word says."""
        parts = [*_at_beginning(word, self._begins), *_at_end(word, self._ends)]
        if word in self._wholes.said:
            parts.append(self._wholes.said[word])
        said, sizes, pairs = self._inside.said, self._inside.sizes, self._pairs
        parts += [said[letter] for letter in self._letters if letter in word]
        for at in range(len(word) - 1):
            if (pair := word[at : at + 2]) in pairs:
                if pair in said:
                    parts.append(said[pair])
                for size in sizes.get(word[at : at + _KEY], ()):
                    if (part := word[at : at + size]) in said:
                        parts.append(said[part])
        return _together(parts) if parts else _NOTHING


def _at_beginning(word: bytes, known: _Parts) -> Iterator[_Answer]:
    for short in range(1, _KEY + 1):
        for size in known.sizes.get(word[:short], ()):
            if (part := word[:size]) in known.said:
                yield known.said[part]


def _at_end(word: bytes, known: _Parts) -> Iterator[_Answer]:
    for short in range(1, _KEY + 1):
        for size in known.sizes.get(word[-short:], ()):
            if (part := word[-size:]) in known.said:
                yield known.said[part]


def _together(parts: Sequence[_Answer]) -> _Answer:
    bits, phrases, first, second = 0, list[int](), list[int](), list[int]()
    for part in parts:
        bits |= part.bits
        phrases += part.phrases
        first += part.first
        second += part.second
    return _Answer(bits, tuple(phrases), tuple(first), tuple(second))


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
