# SPDX-License-Identifier: Apache-2.0
"""What words say: which stems they begin with, end with, hold or are.

A stem is found by its first (or last) three letters. Where some of these stand in many words is
one question to numpy: thousands of words of a text may be new, and asking each letter by letter
cost 20 ms for 24 KB of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from agentstack_processors.security.automaton import Bits

KEY: Final = 3
"""By so many letters stems are known; few are shorter."""
_MANY: Final = 64
"""From so many letters on it is worth asking for all words at once."""
_LONG: Final = 256
"""Letters of a word that is no word: the same three stand in it again and again."""
_BEGINS, _ENDS, _INSIDE, _SHORT = 1, 2, 4, 8
_SIX: Final = bytes(
    code - 0x60 if 0x61 <= code <= 0x7A else 27 if code == 0x30 else 28 if code == 0x5F
    else 0 if code == 0x20 else 29
    for code in range(0x100)
)  # fmt: skip
"""Letters as numbers of six bits; what several have in common is told apart afterwards."""


class Answer(NamedTuple):
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


NOTHING: Final = Answer(0)

Flags = npt.NDArray[np.uint8]
Counts = npt.NDArray[np.int64]
_Alike = dict[bytes, Answer]
_Parts = dict[bytes, _Alike]
"""Stems and what they say, by the letters they are found by."""


class Words:
    """What words say, once all stems were added."""

    def __init__(self) -> None:
        self._wholes: _Alike = {}
        self._begins: _Parts = {}
        self._ends: _Parts = {}
        self._inside: _Parts = {}
        self._short: _Alike = {}
        self._places: Flags | None = None

    def add(self, word: str, begins: bool, ends: bool, answer: Answer) -> None:
        """`answer` for each word with this one in it, at its beginning or its end if so said."""
        part = word.encode()
        self._places = None
        if begins and ends:
            alike = self._wholes
        elif begins:
            alike = self._begins.setdefault(part[:KEY], {})
        elif ends:
            alike = self._ends.setdefault(part[-KEY:], {})
        elif len(part) < KEY:
            alike = self._short
        else:
            alike = self._inside.setdefault(part[:KEY], {})
        alike[part] = _together([alike[part], answer]) if part in alike else answer

    def read(self, words: Sequence[bytes]) -> list[Answer]:
        """All that each of them says; they hold neither spaces nor digits but 0."""
        if sum(map(len, words)) < _MANY:
            return [*map(self._read, words)]
        parts = [[self._wholes[word]] if word in self._wholes else [] for word in words]
        row, starts = _in_a_row(words)
        places = self._where().take(row)
        stops = starts + [len(word) for word in words]
        for number in (places[starts] & _BEGINS).nonzero()[0].tolist():
            parts[number] += self._at_beginning(words[number])
        for number in (places[stops - KEY] & _ENDS).nonzero()[0].tolist():
            parts[number] += self._at_end(words[number])
        for number in {*_owners(starts, places, _SHORT)[0]}:
            word = words[number]
            parts[number] += [said for part, said in self._short.items() if part in word]
        seen: set[tuple[int, bytes]] = set()
        for number, at in zip(*_owners(starts, places, _INSIDE), strict=True):
            word = words[number]
            key = word[at : at + KEY]
            if len(word) <= _LONG:
                alike = self._inside.get(key, {})
                parts[number] += [s for part, s in alike.items() if word.startswith(part, at)]
            elif (number, key) not in seen:
                seen.add((number, key))
                parts[number] += [
                    s for part, s in self._inside.get(key, {}).items() if part in word
                ]
        return [_together(each) if each else NOTHING for each in parts]

    def _read(self, word: bytes) -> Answer:
        parts = [self._wholes[word]] if word in self._wholes else []
        parts += self._at_beginning(word)
        parts += self._at_end(word)
        parts += [said for part, said in self._short.items() if part in word]
        for at in range(len(word) - KEY + 1):
            if alike := self._inside.get(word[at : at + KEY]):
                parts += [said for part, said in alike.items() if word.startswith(part, at)]
        return _together(parts) if parts else NOTHING

    def _at_beginning(self, word: bytes) -> list[Answer]:
        found: list[Answer] = []
        for short in range(1, min(KEY, len(word)) + 1):
            if alike := self._begins.get(word[:short]):
                found += [said for part, said in alike.items() if word.startswith(part)]
        return found

    def _at_end(self, word: bytes) -> list[Answer]:
        found: list[Answer] = []
        for short in range(1, min(KEY, len(word)) + 1):
            if alike := self._ends.get(word[-short:]):
                found += [said for part, said in alike.items() if word.endswith(part)]
        return found

    def _where(self) -> Flags:
        """By three letters, what may stand there."""
        if self._places is None:
            places = np.zeros((64, 64, 64), np.uint8)
            kinds = ((_BEGINS, self._begins), (_INSIDE, self._inside), (_SHORT, self._short))
            for flag, parts in kinds:
                for key in parts:
                    places[tuple(key.translate(_SIX))] |= flag
            for key in self._ends:
                places[(..., *key.translate(_SIX))] |= _ENDS
            self._places = places.ravel()
        return self._places


def _in_a_row(words: Sequence[bytes]) -> tuple[npt.NDArray[np.uint32], Counts]:
    """The three letters from each letter on, as one number; and where each word begins."""
    row = b" ".join((b" ", *words, b"  "))
    letters = np.frombuffer(row.translate(_SIX), np.uint8).astype(np.uint32)
    codes: npt.NDArray[np.uint32] = np.left_shift(letters[:-2], 12)
    codes |= np.left_shift(letters[1:-1], 6)
    codes |= letters[2:]
    sizes = np.array([len(word) + 1 for word in words])
    return codes, sizes.cumsum() - sizes + 2


def _owners(starts: Counts, places: Flags, flag: int) -> tuple[list[int], list[int]]:
    """The words in which something may stand, and after how many letters."""
    hits = (places & flag).nonzero()[0]
    owners = starts.searchsorted(hits, side="right") - 1
    return owners.tolist(), (hits - starts[owners]).tolist()


def _together(parts: Sequence[Answer]) -> Answer:
    if len(parts) < 2:
        return parts[0] if parts else NOTHING
    bits, phrases, first, second = 0, list[int](), list[int](), list[int]()
    for part in parts:
        bits |= part.bits
        phrases += part.phrases
        first += part.first
        second += part.second
    return Answer(bits, tuple(phrases), tuple(first), tuple(second))


__all__ = ["KEY", "NOTHING", "Answer", "Words"]
