# SPDX-License-Identifier: Apache-2.0
"""All rules on one reading of a text: one pass says which to try, RE2 confirms those."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from agentstack_processors.security import scoring
from agentstack_processors.security.automaton import Automaton, Bits, expression, numbers
from agentstack_processors.security.decode import DECODERS, Decoder
from agentstack_processors.security.effort import pieces
from agentstack_processors.security.gate import Gate
from agentstack_processors.security.normalise import fold
from agentstack_processors.security.rules import Rule, compiled
from agentstack_processors.security.verdict import SCOPES, Scope

_SURVEY = (
    "ignor", "disregard", "instruct", "prompt", "system", "assistant", "jailbr", "unrestrict",
    "unfilter", "uncensor", "reveal", "password", "secret", "forget", "overrid", "you are now",
    "you must", "developer mode", "attention", "important", "credential", "base64", "<|", "[inst",
    "bypass", "anything now", "before you", "do not tell", "send ", "transfer", "anweisung",
    "instruccion", "instruc", "istruzion", "consigne", "игнорир", "инструкц", "忽略", "无视",
    "指示", "무시", "تجاهل", "अनदेखा", "talimat",
)  # fmt: skip
"""What a long text is surveyed for: few, so that a megabyte takes milliseconds."""
MATCHES = 4
"""Matches of one rule that are weighed; the heaviest counts."""
LAST = 512
"""Bytes at the end of a reading in which the last of them are weighed, too: as many more."""


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule found at `start:end` of the reading it was tried on."""

    rule: Rule
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Tried:
    """A rule, ready to be tried.

    Attributes:
        rule: The rule.
        pattern: Its expression, compiled.
        unless: Likewise, or None.
        scopes: Those in which what it finds weighs anything.
    """

    rule: Rule
    pattern: Any
    unless: Any
    scopes: frozenset[Scope]

    def hits(self, data: bytes, places: Sequence[tuple[int, int]]) -> Iterator[Hit]:
        """Its first `MATCHES` matches at `places` of `data`, and the last so many at the very end.

        Offsets are bytes. Some that are negated or quoted would else hide the one that is meant.
        """
        search = self.pattern.search
        for first, stop in places:  # most rules that are tried find nothing
            if search(data, first, stop) is not None:
                return self._hits(data, places)
        return iter(())

    def _hits(self, data: bytes, places: Sequence[tuple[int, int]]) -> Iterator[Hit]:
        everywhere = (self._spans(data, *place) for place in places)
        spans = list(islice(chain.from_iterable(everywhere), MATCHES))
        if len(spans) == MATCHES:
            first, stop = places[-1]
            last = self._spans(data, max(first, spans[-1][1], stop - LAST), stop)
            spans += deque(last, MATCHES)
        for start, end in spans:
            if self.unless is None or self.unless.search(data[start:end]) is None:
                yield Hit(self.rule, start, end)

    def _spans(self, data: bytes, first: int, stop: int) -> Iterator[tuple[int, int]]:
        while match := self.pattern.search(data, first, stop):
            start, end = match.span()
            yield start, end
            first = max(end, start + 1)


Place = tuple[int, int]
"""Where a part of a text begins and ends."""
Asked = tuple[Tried, list[Place], int]
"""A rule that is worth trying, where (starts and ends in order), and on how many bytes."""


class _Wanted:
    """Which rules a text asks for: each of their groups of stems is a question to it.

    The questions of one rank (all rules' first groups, all their second ones, ...) are bits in a
    row, so that a few operations on whole rows leave those rules of which all are answered.

    Args:
        tried: The rules.
        first: The first bit that is theirs.
    """

    def __init__(self, tried: Sequence[Tried], first: int) -> None:
        self.tried = tried
        self._first = first
        self._ranks = max((len(each.rule.stems) for each in tried), default=0)
        self._row: Bits = (1 << len(tried)) - 1
        self._unasked: Bits = 0  # ranks that a rule has no group for
        for number, each in enumerate(tried):
            for rank in range(len(each.rule.stems), self._ranks):
                self._unasked |= 1 << rank * len(tried) + number
        self.end = first + self._ranks * len(tried)

    def questions(self) -> dict[int, tuple[str, ...]]:
        """The stems of which one must occur, by the bit that says so."""
        return {
            self._first + rank * len(self.tried) + number: group
            for number, each in enumerate(self.tried)
            for rank, group in enumerate(each.rule.stems)
        }

    def by(self, found: Bits) -> Iterator[int]:
        """The rules, by number, of which every group is among what was found."""
        return numbers(self.wanted(found))

    def needed(self, possible: Bits) -> Bits:
        """What decides which rules are asked for, where at most so much is found."""
        wanted, bits = self.wanted(possible), 0
        for rank in range(self._ranks):
            bits |= wanted << self._first + rank * len(self.tried)
        return bits

    def wanted(self, found: Bits) -> Bits:
        """The same rules, a bit for each number."""
        answered, wanted = found >> self._first | self._unasked, self._row
        for _ in range(self._ranks):
            wanted &= answered
            answered >>= len(self.tried)
        return wanted


class RuleSet:
    """Rules, compiled; immutable, so safe to share between threads.

    Args:
        rules: What to look for.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self.rules = tuple(rules)
        heaviest = [_tried(rule) for rule in sorted(rules, key=lambda each: -each.weight)]
        self._text = _Wanted([each for each in heaviest if each.rule.view == "text"], 0)
        raw = [each for each in heaviest if each.rule.view == "raw"]
        self._raw = _Wanted(raw, self._text.end)
        self._abroad = sum(1 << n for n, each in enumerate(raw) if each.rule.needs == "non-ascii")
        shaped = [decoder for decoder in DECODERS if decoder.shapes[0]]
        self._decoders = [(each, 1 << self._raw.end + n) for n, each in enumerate(shaped)]
        self._foreign = [decoder for decoder in DECODERS if not decoder.shapes[0]]
        # Rules for the text as it was sent read it whole, not in pieces: all they ask counts.
        self._of_raw = (1 << self._raw.end) - (1 << self._text.end)
        questions = self._text.questions() | self._raw.questions()
        self._gate = Gate(
            _answers((group, 1 << bit) for bit, group in questions.items()),
            [
                _answers((each.shapes, bit) for each, bit in self._decoders if each.of_words == of)
                for of in (False, True)
            ],
            lambda possible: self._text.needed(possible) | self._of_raw,
        )
        self._survey = Automaton({expression(stem): 1 << n for n, stem in enumerate(_SURVEY)})

    def suspicion(self, part: str) -> int:
        """How much there is to look for in a part of a long text, by a cheap look."""
        return self._survey.found(fold(part).encode("utf-8", "replace")).bit_count()

    def stems(self, folded: bytes) -> Bits:
        """What occurs in a folded reading, UTF-8: for `raw_hits` and `decoders`."""
        return self._gate.found(folded)

    def asked(self, folded: bytes, *, short: bool = False) -> tuple[list[Asked], Bits]:
        """The rules to try on a folded reading, UTF-8, the heaviest first; and what occurs in it.

        Of a long reading each piece is asked for itself: what its beginning and its end have in
        common asks for no rule.

        Args:
            folded: The reading.
            short: Whether it is all there is to read, if it is of one piece.
        """
        size = len(folded)
        places = pieces(size)
        if len(places) > 1:
            return self._asked_of(folded, places)
        found = self._gate.found(folded, short=short)
        return [(self._text.tried[n], places, size) for n in self._text.by(found)], found

    def _asked_of(self, folded: bytes, pieces: Sequence[Place]) -> tuple[list[Asked], Bits]:
        """Pieces overlap: where several in a row ask for a rule, that is one place to try it."""
        where: dict[int, list[Place]] = {}
        begun: dict[int, int] = {}
        everything = before = stop = 0
        for start, end in (*pieces, (0, 0)):
            found = self._gate.found(folded[start:end]) if end else 0
            everything |= found
            wanted = self._text.wanted(found) if end else 0
            for number in numbers(before & ~wanted):
                where.setdefault(number, []).append((begun[number], stop))
            for number in numbers(wanted & ~before):
                begun[number] = start
            before, stop = wanted, end
        return [
            (self._text.tried[number], places, sum(end - start for start, end in places))
            for number, places in sorted(where.items())
        ], everything

    def hits(self, folded: bytes) -> Iterator[Hit]:
        """What rules find in a folded reading, UTF-8; offsets are bytes."""
        for tried, places, _ in self.asked(folded)[0]:
            yield from tried.hits(folded, places)

    def prepare(self) -> None:
        """Try each rule on texts it finds: RE2 puts off half of its work until then."""
        for tried in (*self._text.tried, *self._raw.tried):
            for text in tried.rule.matches:
                data = (fold(text) if tried.rule.view == "text" else text).encode(
                    "utf-8", "replace"
                )
                self._gate.found(data, short=True)
                self._gate.found(data)
                list(tried.hits(data, [(0, len(data))]))

    def raw_hits(self, raw: str, found: Bits) -> Iterator[Hit]:
        """What rules find in the text as it was sent; offsets are bytes."""
        wanted = self._raw.wanted(found)
        if raw.isascii():
            wanted &= ~self._abroad
        data = raw.encode("utf-8", "replace") if wanted else b""
        for number in numbers(wanted):
            yield from self._raw.tried[number].hits(data, [(0, len(data))])

    def decoders(self, found: Bits, *, ascii_only: bool) -> Iterator[Decoder]:
        """The decoders worth trying."""
        if found >> self._raw.end:
            for decoder, bit in self._decoders:
                if found & bit:
                    yield decoder
        if not ascii_only:
            yield from self._foreign


def _tried(rule: Rule) -> Tried:
    unless = compiled(rule.unless, rule.place) if rule.unless else None
    category, own = rule.category, rule.scopes
    counts = frozenset(s for s in SCOPES if scoring.scope_weight(category, s, own) > 0)
    return Tried(rule, compiled(rule.pattern, rule.place), unless, counts)


def _answers(asked: Iterable[tuple[Iterable[str], Bits]]) -> dict[str, Bits]:
    """By stem or expression, the bits of all that it answers."""
    answers: dict[str, Bits] = {}
    for group, bits in asked:
        for each in group:
            answers[each] = answers.get(each, 0) | bits
    return answers


__all__ = ["Asked", "Hit", "RuleSet", "Tried"]
