# SPDX-License-Identifier: Apache-2.0
"""Orders that came in with a tool's result or a document and went out as a tool call.

Data flows from results into arguments all day: looked up, then booked. What does not is the data
of an *order*: the account in "transfer the money to …" that stood in a web page. So a flow is an
alert when the result gives orders and a call that acts on the world carries out one of them:

- orders the detectors found suspicious (an injection): its values in the call, or the very action
  it asks for when the user asked for nothing of the kind;
- orders nobody found suspicious ("please grant Amy access"): its values in a call of the kind it
  asks for, when the user, whose words are known, asked for nothing of that kind and did not tell
  the agent to do what it reads.

What the user or the operator said themselves is no evidence. Spans come in any order: what counts
is when things happened, so a late result finds the calls that came after it.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from agentstack_processors.security.alert import LOW, Alert
from agentstack_processors.security.flows import Value, Words, normal, telling, values_of
from agentstack_processors.security.passages import cue_of, openings, orders, suspicious
from agentstack_processors.security.texts import SpanText
from agentstack_processors.security.tools import (
    actions_of,
    acts,
    asked_for,
    deeds_of,
    stem,
    verb_of,
    words_of,
)
from agentstack_processors.security.verdict import Verdict
from agentstack_processors.security.where import Where

_DELEGATES = re.compile(
    r"\b(?:follow|do(?! not)|doing|perform|execute|complete|carry out|take care of|handle|act on"
    r"|finish|implement|comply with|process)\b.{0,80}?\b(?:instructions?|tasks?|actions?|steps"
    r"|to-?dos?|requests?|changes|it says|is asked|listed|described|specified|mentioned)\b"
    r"|\baccordingly\b"
    r"|\bwhat(?:ever)? (?:it|he|she|they|the \w+) (?:says?|asks?|wants?|requests?|tells?)\b",
    re.IGNORECASE | re.DOTALL,
)
_CONSENT = re.compile(
    r"\s*(?:yes|yep|yeah|ok(?:ay)?|sure|go ahead|please do|do it|confirm(?:ed)?|correct|proceed"
    r"|sounds good|that works|agreed|approved)\b",
    re.IGNORECASE,
)
_CONSENT_LENGTH = 120
_PLAIN_WORD = re.compile(r"[a-z][a-z'-]+")
# Words of tool names that say nothing about what an order is about.
_VAGUE = frozenset(
    """get set the of to in for by from with and data info information user users details manager
    tool api call run do new all my list item items client service server mcp functions function
    """.split()  # noqa: SIM905  # a table of words
)

_CUED, _COMMANDED = 10, 20
"""Scores of orders no detector minds: that press whoever reads them, that speak to an agent."""

_MOST_STEMS = 2_000
_MOST_SOURCES = 40
_MOST_SINKS = 48
_MOST_TRUSTED = 24_000
_LONGEST = 8_000
_EVIDENCE = 160

Moment = tuple[int, int]


class Reading(NamedTuple):
    """A passage made comparable: words, their stems, classes of action, how its orders begin."""

    words: Words
    stems: frozenset[str]
    actions: frozenset[str]
    openings: frozenset[str]


class Source:
    """Orders in a text from outside; made comparable when a call asks."""

    __slots__ = ("_read", "field", "moment", "passage", "score", "tool", "where")

    def __init__(
        self, passage: str, score: int, text: SpanText, moment: Moment, where: Where
    ) -> None:
        self.passage = passage
        self.score = score
        self.moment = moment
        self.where = where
        self.field = text.field
        self.tool = text.tool
        self._read: Reading | None = None

    def read(self) -> Reading:
        """The passage made comparable."""
        if self._read is None:
            plain = _PLAIN_WORD.findall(self.passage.lower())
            begun = (" ".join(normal(text).split()[:4]) for text in openings(self.passage))
            self._read = Reading(
                Words(self.passage),
                frozenset(map(stem, plain)),
                actions_of(plain),
                frozenset(words for words in begun if words.count(" ") == 3),
            )
        return self._read


class Sink(NamedTuple):
    """A call that acts."""

    tool: str
    text: str
    moment: Moment
    where: Where
    field: str


class Taint:
    """What came in and what went out, in one trace: bounded."""

    __slots__ = (
        "_actions", "_answer", "_delegates", "_flagged", "_held", "_known", "_room", "_sinks",
        "_sources", "_stems", "_trusted", "_words",
    )  # fmt: skip

    def __init__(self) -> None:
        self._trusted: list[str] = []
        self._room = _MOST_TRUSTED
        self._words: Words | None = None
        self._known = False
        self._delegates = False
        self._actions: frozenset[str] = frozenset()
        self._stems: frozenset[str] = frozenset()
        self._answer = ""
        self._sources: list[Source] = []
        self._sinks: deque[Sink] = deque(maxlen=_MOST_SINKS)
        self._flagged: set[int] = set()
        self._held = 0

    def observe(
        self, text: SpanText, verdict: Verdict, moment: Moment, where: Where
    ) -> Iterable[Alert]:
        """Take one text in; gives the flows it completes, each call once, as it is iterated."""
        if text.scope == "tool_output":
            if verdict.score < LOW and not orders(text.text):
                return ()  # most of what comes in
            return self._came_in(text, verdict, moment, where)
        if text.scope == "tool_input":
            return self._went_out(text, moment, where) if text.tool and acts(text.tool) else ()
        if text.trusted:
            return self._told(text)
        if text.output or not text.loose:
            self._answer = text.text[:_LONGEST]
        return ()

    def _came_in(
        self, text: SpanText, verdict: Verdict, moment: Moment, where: Where
    ) -> Iterator[Alert]:
        added = [*self._sources_in(text, verdict, moment, where)][: self._free()]
        self._sources += added
        self._held += sum(500 + 4 * len(source.passage) for source in added)
        for sink in self._sinks if added else ():
            yield from self._flow(sink, added)

    def _went_out(self, text: SpanText, moment: Moment, where: Where) -> Iterator[Alert]:
        sink = Sink(text.tool, text.text[:_LONGEST], moment, where, text.field)
        if len(self._sinks) < _MOST_SINKS:
            self._held += 400 + len(sink.text)  # later ones take the place of others
        self._sinks.append(sink)
        yield from self._flow(sink, self._sources)

    def size(self) -> int:
        """About how many bytes this takes."""
        held = _MOST_TRUSTED - self._room + len(self._answer) + 60 * len(self._stems)
        return held + self._held

    def _free(self) -> int:
        return max(0, _MOST_SOURCES - len(self._sources))

    def _told(self, text: SpanText) -> Iterator[Alert]:
        self._trust(text.text)
        if text.scope != "user":
            return
        first = not self._known
        self._known = True
        if self._answer and len(text.text) < _CONSENT_LENGTH and _CONSENT.match(text.text):
            self._trust(self._answer)
        said = text.text[:_LONGEST]
        self._actions |= asked_for(said)
        if len(self._stems) < _MOST_STEMS:
            self._stems |= {stem(word) for word in _PLAIN_WORD.findall(said.lower())}
        self._delegates = self._delegates or _DELEGATES.search(said) is not None
        if first:
            for sink in tuple(self._sinks) if self._sources else ():
                yield from self._flow(sink, self._sources)

    def _trust(self, text: str) -> None:
        if self._room > 0:
            kept = text[: self._room]
            self._room -= len(kept)
            self._trusted.append(kept)
            self._words = None

    def _sources_in(
        self, text: SpanText, verdict: Verdict, moment: Moment, where: Where
    ) -> Iterator[Source]:
        if verdict.score >= LOW:
            passage = suspicious(text.text, verdict.findings)
            yield Source(passage, verdict.score, text, moment, where)
        for piece, cue in orders(text.text):
            passage = text.text[piece.start : piece.end]
            score = _COMMANDED if cue == 2 else _CUED if cue or verdict.findings else 0
            yield Source(passage, score, text, moment, where)

    def _flow(self, sink: Sink, sources: list[Source]) -> Iterator[Alert]:
        before = [source for source in sources if source.moment < sink.moment]
        if not before:
            return
        key = hash((sink.tool, frozenset(sink.text.split("\n"))))
        if key in self._flagged:
            return
        best = max((self._judged(sink, source) for source in before), key=lambda one: one[0])
        score, source, values = best
        if score < LOW:
            return
        self._flagged.add(key)
        yield _alert(sink, source, score, values)

    def _judged(self, sink: Sink, source: Source) -> tuple[int, Source, list[Value]]:
        name, read = words_of(sink.tool), source.read()
        fits = bool(actions_of(name) & read.actions) or any(
            stem(word) in read.stems for word in name if word not in _VAGUE and len(word) > 2
        )
        injected = source.score >= LOW
        told = self._delegates and source.score < _COMMANDED
        if not injected and (not fits or not self._known or told):
            return 0, source, []
        values = self._carried(sink, read)
        strong = sum(value.strong for value in values)
        weak = len(values) - strong
        asked = self._delegates or bool(deeds_of(sink.tool) & self._actions)
        if injected:
            meant = asked or any(stem(word) in self._stems for word in name if word not in _VAGUE)
            unasked = fits and self._known and not meant and (bool(values) or _named(sink, read))
            score = _injected(strong, weak, unasked, fits)
            score += 10 if score and source.score >= 70 else 0
        elif source.score >= _CUED:
            score = 65 + 5 * min(2, strong) if strong else 50 if values and not asked else 0
        else:
            score = 60 + 5 * min(2, strong) if not asked and (strong or weak > 1) else 0
        return min(score, 95), source, values

    def _carried(self, sink: Sink, read: Reading) -> list[Value]:
        """What of the call's arguments stands in the orders and nowhere the user spoke."""
        said, relayed = _without_quotes(sink.text, read.words, read.openings)
        trusted = self._trusted_words()
        return [
            value
            for value in values_of(said)
            if read.words.holds(value)
            and not trusted.holds(value)
            and (not relayed or telling(value.words))
        ]

    def _trusted_words(self) -> Words:
        if self._words is None:
            self._words = Words("\n".join(self._trusted))
        return self._words


def _without_quotes(text: str, source: Words, openings: frozenset[str]) -> tuple[str, bool]:
    """Arguments without the lines that hand the order itself on; and whether there were any.

    To pass a text along (a summary, a note, a channel's poisoned name) is not to obey it.
    """
    lines = text.split("\n")
    kept = []
    for line in lines:
        words = normal(line[:2000])
        if words.count(" ") >= 3 and any(opening in words for opening in openings):
            continue
        if words.count(" ") >= 5 and cue_of(line, 0, len(line)) and _quotes(words, source):
            continue
        kept.append(line)
    return "\n".join(kept), len(kept) < len(lines)


def _quotes(words: str, source: Words) -> bool:
    """Whether six words in a row are the source's (all of a shorter one's)."""
    split = words.split()
    step = max(4, min(6, len(split), source.words.count(" ") - 1))
    return any(
        f" {' '.join(split[start : start + step])} " in source.words
        for start in range(len(split) - step + 1)
    )


def _named(sink: Sink, read: Reading) -> bool:
    """Whether orders name a call's very verb, and more of its name."""
    name = words_of(sink.tool)
    return stem(verb_of(sink.tool)) in read.stems and sum(stem(w) in read.stems for w in name) > 1


def _injected(strong: int, weak: int, unasked: bool, fits: bool) -> int:
    """How sure it is that a call carries out orders that were found suspicious."""
    if strong:
        return 70 + 5 * min(3, strong + weak - 1) + (5 if fits else 0)
    if not unasked:
        return 0
    return 60 + 5 * min(2, weak) if weak else 50


def _alert(sink: Sink, source: Source, score: int, values: list[Value]) -> Alert:
    tool = sink.tool[:80]
    origin = f"the result of {source.tool[:80]}" if source.tool else "a tool's result"
    carried = "it carries data from there" if values else "the user did not ask for it"
    return sink.where.alert(
        "taint.injected" if source.score >= LOW else "taint.unasked",
        "taint",
        score,
        f"{tool} was called as {origin} tells the agent to; {carried}",
        field=sink.field,
        evidence=" ".join(source.passage[:_EVIDENCE].split()),
        place=tool,
        attributes={
            "tool": tool,
            "source_span_id": source.where.span_id,
            "source_field": source.field,
            "source_tool": source.tool[:80],
            "values": str(len(values)),
        },
    )


__all__ = ["Sink", "Source", "Taint"]
