# SPDX-License-Identifier: Apache-2.0
"""Redactor: text in, the same text without secrets out."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from agentstack_processors.redaction import encodings, layers, naming
from agentstack_processors.redaction.custom import Custom, allowing
from agentstack_processors.redaction.escapes import HIDING, View
from agentstack_processors.redaction.gate import Gate
from agentstack_processors.redaction.json_numbers import Numbers
from agentstack_processors.redaction.keys import is_folder, names_a_secret
from agentstack_processors.redaction.masks import MODES, masked
from agentstack_processors.redaction.patterns import DEFAULT, NAMES, PATTERNS, Pattern
from agentstack_processors.redaction.reading import Reading
from agentstack_processors.redaction.requests import RequestFilter
from agentstack_processors.redaction.validators import is_marker
from agentstack_processors.verdicts import ConfigError

FAILED = "[REDACTION_FAILED]"
_SHORTEST = 6  # a@b.io
_ROUNDS = 3  # of scrubbing, where secrets touch one another
# Names such as gen_ai.operation.name: no row of the table can match, and a test keeps it so.
_NAME = re.compile(r"[a-z_.]{1,64}\Z")


@dataclass(frozen=True)
class Config:
    """What is looked for, what becomes of it, and who may correlate.

    Attributes:
        key: Secret of the fingerprint in a marker. With the same key, the same value gets the same
            marker in every process of an installation. Empty: drawn at random per process, so
            that markers correlate within one run only and nothing can be guessed from them.
        types: Names of `patterns.PATTERNS` to apply; empty means all but those that are off by
            default (IP_ADDRESS, MAC_ADDRESS).
        mode: What stands in the place of a value: `replace` puts `[EMAIL:7f3a]`, `hash` the same
            with sixteen digits, `mask` adds stars for its characters (and the last four digits of
            cards, accounts and telephones), `drop` leaves nothing.
        custom: Patterns of the installation's own.
        allow: Regular expressions; a value that one of them matches from end to end stays.
    """

    key: str | bytes = b""
    types: tuple[str, ...] = ()
    mode: str = "replace"
    custom: tuple[Custom, ...] = ()
    allow: tuple[str, ...] = ()

    def validate(self) -> None:
        """Raises ConfigError, naming the setting: unknown types or modes, runaway patterns."""
        names = NAMES | {custom.name for custom in self.custom}
        strange = sorted(set(self.types) - names)
        if strange:
            raise ConfigError(f"redaction types: {naming.unknown(strange, names)}")
        if self.mode not in MODES:
            raise ConfigError(f"redaction mode: {self.mode!r} unknown; use {', '.join(MODES)}")
        for custom in self.custom:
            custom.validate(NAMES)
        allowing(self.allow)


@dataclass(frozen=True)
class Find:
    """Where something was found: offsets in the text that was given, and its type.

    Attributes:
        start: First character.
        end: Behind the last one.
        type: A name of `NAMES`, as in the marker.
    """

    start: int
    end: int
    type: str


def evaluation_config() -> Config:
    """Everything that is looked for, what is off by default (IP and MAC addresses) included."""
    return Config(types=tuple(sorted(NAMES)))


class _Found(NamedTuple):
    """A find in the making: `rest` is what follows of a value that was cut in parts."""

    start: int
    end: int
    rank: int
    value: str
    rest: bool = False


class Redactor:
    """Replaces personal data and credentials by markers such as `[EMAIL:7f3a]`.

    A marker is the type and four hex digits of a keyed hash: enough to see that two steps of a
    run spoke of the same address, too little to find out which. Thread-safe; never raises.

    Attributes:
        failures: How many texts could not be judged and became `[REDACTION_FAILED]`.
    """

    def __init__(self, config: Config | None = None) -> None:
        config = config or Config()
        config.validate()
        key = config.key.encode() if isinstance(config.key, str) else config.key
        self._key = hashlib.blake2b(key or os.urandom(32), digest_size=32).digest()
        wanted = config.types or DEFAULT
        self._patterns = (
            *(custom.pattern() for custom in config.custom),
            *(pattern for pattern in PATTERNS if pattern.name in wanted),
        )
        self._ranks = {id(pattern): rank for rank, pattern in enumerate(self._patterns)}
        self._mode = config.mode
        self._allowed = allowing(config.allow)
        self._gate = Gate(self._patterns)
        self._requests: RequestFilter | None = None
        self.failures = 0

    def scrub(self, text: str) -> str:
        """`text` with every secret replaced; the same object when there is none.

        Anything that goes wrong gives `[REDACTION_FAILED]`: what cannot be read is not sent.
        """
        try:
            if len(text) < _SHORTEST or _NAME.match(text) is not None:
                return text
            for _ in range(_ROUNDS):
                found = self._scrub(text)
                if not found:
                    break
                glued = any(_glued(text, item) for item in found)
                text = self._replace(text, found)
                if not glued:
                    break
            return text
        except Exception:
            self.failures += 1
            return FAILED

    def scrub_parts(self, parts: Sequence[str]) -> list[str]:
        """The parts of one message, such as the chunks of a stream, each without its secrets.

        A value that stands in two parts or more goes from all of them; its marker stands where it
        began.
        """
        try:
            return self._scrub_parts(parts)
        except Exception:
            self.failures += 1
            return [FAILED for _ in parts]

    def find(self, text: str) -> list[Find]:
        """What `scrub` would replace, in order and without overlap.

        Raises whatever goes wrong: for evaluation and explanation, not for the road.
        """
        return [
            Find(found.start, found.end, self._patterns[found.rank].name)
            for found in self._scrub(text)
        ]

    def scrub_attribute(self, key: str, text: str) -> str:
        """`scrub`, or the whole value replaced when `key` names a secret (`db.password`)."""
        try:
            if text and names_a_secret(key) and not is_folder(key, text):
                return text if is_marker(text) else self._instead("SECRET", text, text)
        except Exception:
            self.failures += 1
            return FAILED
        return self.scrub(text)

    def marker(self, name: str, value: str) -> str:
        """`[NAME:7f3a]` for a secret in its canonical form."""
        return f"[{name}:{self._digest(name, value, 2)}]"

    def suspicious(self, data: bytes, view: bytes | memoryview | None = None) -> bool:
        """False proves that no string inside `data`, a serialised OTLP request, needs a change.

        True says no more than: open it and look.

        Args:
            data: The request.
            view: The same, byte by byte, but for bytes that are no text (`otlp.blanks`): quicker.
        """
        try:
            if self._requests is None:  # only servers judge requests
                self._requests = RequestFilter(self._patterns, self)
            return self._requests.suspicious(data, view)
        except Exception:
            return True

    def glance(self, data: bytes, view: bytes | memoryview | None = None) -> bool | None:
        """`suspicious`, for whom others wait: None where the answer would take long, as the first
        one does, for which all rows are read."""
        try:
            return None if self._requests is None else self._requests.glance(data, view)
        except Exception:
            return True

    def _digest(self, name: str, value: str, size: int) -> str:
        data = value.encode("utf-8", "surrogatepass")
        person = name.encode()[:16]
        return hashlib.blake2b(data, digest_size=size, key=self._key, person=person).hexdigest()

    def _instead(self, name: str, canonical: str, value: str) -> str:
        """What stands in the place of a value."""
        if self._mode == "replace":
            return self.marker(name, canonical)
        if self._mode == "drop":
            return ""
        if self._mode == "hash":
            return f"[{name}:{self._digest(name, canonical, 8)}]"
        return f"[{name}:{self._digest(name, canonical, 2)}:{masked(name, value)}]"

    def _replace(self, text: str, found: Iterable[_Found]) -> str:
        pieces: list[str] = []
        position = 0
        numbers = Numbers(text)
        for start, end, rank, value, rest in found:
            pieces.append(text[position:start])
            if not rest:
                pattern = self._patterns[rank]
                instead = self._instead(pattern.name, pattern.canonical(value), value)
                pieces.append(f'"{instead}"' if numbers.is_one(start, end) else instead)
            position = end
        pieces.append(text[position:])
        return "".join(pieces)

    def _scrub_parts(self, parts: Sequence[str]) -> list[str]:
        pieces, size = [], 0
        for part in parts:
            pieces.append((part, size))
            size += len(part)
        whole = layers.Mapped(pieces)
        found = [item for item in self._across(whole) if item.end > item.start]
        for part, begin in pieces:
            found += [
                item._replace(start=item.start + begin, end=item.end + begin)
                for item in self._scrub(part)
            ]
        merged = _merge(found)
        return [
            self._replace(
                part,
                [
                    item._replace(
                        start=max(0, item.start - begin),
                        end=min(len(part), item.end - begin),
                        rest=item.rest or item.start < begin,
                    )
                    for item in merged
                    if item.start < begin + len(part) and item.end > begin
                ],
            )
            for part, begin in pieces
        ]

    def _scrub(self, text: str, depth: int = 0) -> list[_Found]:
        """All finds in `text`, in order and without overlap."""
        view: View | None = None
        if HIDING.search(text) is not None:
            view = View(text)
        reading = Reading(text if view is None else view.text)
        candidates = self._gate.candidates(reading)
        if candidates and view is None and "\\" in text:
            view = View(text)
            reading = Reading(view.text)
        found = self._asked(candidates, reading)
        found += self._below(reading, depth)
        if not found:
            return found
        if view is not None:
            found = [
                item._replace(start=view.original(item.start), end=view.original(item.end))
                for item in found
            ]
        return _merge(found)

    def _asked(self, candidates: Iterable[Pattern], reading: Reading) -> list[_Found]:
        """What the rows find in a text as it stands."""
        text, ranks, allowed = reading.text, self._ranks, self._allowed
        return [
            _Found(start, end, ranks[id(pattern)], text[start:end])
            for pattern in candidates
            for start, end in pattern.find_in(reading)
            if end > start and (allowed is None or not allowed(text[start:end]))
        ]

    def _below(self, reading: Reading, depth: int) -> list[_Found]:
        """What is found below the surface: behind percent signs, in base64, across parts."""
        text = reading.text
        found = self._coded(text) if "%" in text or "=" in text else []
        if depth < encodings.MAX_DEPTH:
            for start, end, said in encodings.decoded(text, reading.runs):
                inner = self._scrub(said, depth + 1)
                if inner:
                    found.append(inner[0]._replace(start=start, end=end))
        for whole in layers.joined(text):
            found += self._across(whole)
        return found

    def _coded(self, text: str) -> list[_Found]:
        """What is found when percent signs and soft breaks are read."""
        found = []
        for coded in layers.coded(text):
            below = Reading(coded.text)
            for item in self._asked(self._gate.candidates(below), below):
                start, end = coded.original(item.start), coded.end(item.end)
                found.append(item._replace(start=start, end=end))
        return found

    def _across(self, whole: layers.Mapped) -> list[_Found]:
        """What is found when parts are read as one, cut into the parts it stands in."""
        reading, found = Reading(whole.text), []
        items = self._asked(self._gate.candidates(reading), reading) + self._coded(whole.text)
        for item in items:
            for index, (start, end) in enumerate(whole.segments(item.start, item.end)):
                found.append(item._replace(start=start, end=end, rest=index > 0))
        return found


def _glued(text: str, item: _Found) -> bool:
    """Whether letters or digits touch a find: a marker in its place shows what they belong to."""
    before, behind = text[item.start - 1 : item.start], text[item.end : item.end + 1]
    return before.isalnum() or behind.isalnum() or behind == "("


def _merge(found: list[_Found]) -> list[_Found]:
    """All finds in order; where two overlap, one find over both, named by the earlier row."""
    found.sort(key=lambda item: (item.start, item.rank))
    merged: list[_Found] = []
    for item in found:
        if merged and item.start < merged[-1].end:
            first = merged[-1]
            better = first if first.rank <= item.rank else item
            merged[-1] = _Found(
                first.start,
                max(first.end, item.end),
                better.rank,
                better.value,
                first.rest and item.rest,
            )
        else:
            merged.append(item)
    return merged
