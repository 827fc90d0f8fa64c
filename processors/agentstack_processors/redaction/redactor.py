# SPDX-License-Identifier: Apache-2.0
"""Redactor: text in, the same text without secrets out."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass

from agentstack_processors.redaction.escapes import HIDING, View
from agentstack_processors.redaction.keys import names_a_secret
from agentstack_processors.redaction.patterns import NAMES, PATTERNS, Pattern
from agentstack_processors.redaction.prefilter import Prefilter
from agentstack_processors.redaction.requests import RequestFilter
from agentstack_processors.redaction.validators import is_marker
from agentstack_processors.verdicts import ConfigError

FAILED = "[REDACTION_FAILED]"
_SHORTEST = 6  # a@b.io
# Names such as gen_ai.operation.name: no row of the table can match, and a test keeps it so.
_NAME = re.compile(r"[a-z_.]{1,64}\Z")


@dataclass(frozen=True)
class Config:
    """What is looked for, and who may correlate.

    Attributes:
        key: Secret of the fingerprint in a marker. With the same key, the same value gets the same
            marker in every process of an installation. Empty: drawn at random per process, so
            that markers correlate within one run only and nothing can be guessed from them.
        types: Names of `patterns.PATTERNS` to apply; empty means all.
    """

    key: str | bytes = b""
    types: tuple[str, ...] = ()

    def validate(self) -> None:
        """Raises ConfigError for a type that does not exist."""
        unknown = sorted(set(self.types) - NAMES)
        if unknown:
            raise ConfigError(
                f"redaction types: {', '.join(unknown)} unknown; there are "
                f"{', '.join(sorted(NAMES))}"
            )


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


class Redactor:
    """Replaces personal data and credentials by markers such as `[EMAIL:7f3a]`.

    A marker is the type and four hex digits of a keyed hash: enough to see that two steps of a
    run spoke of the same address, too little to find out which. Thread-safe; never raises.
    """

    def __init__(self, config: Config | None = None) -> None:
        config = config or Config()
        config.validate()
        key = config.key.encode() if isinstance(config.key, str) else config.key
        self._key = hashlib.blake2b(key or os.urandom(32), digest_size=32).digest()
        self._patterns = tuple(
            pattern for pattern in PATTERNS if not config.types or pattern.name in config.types
        )
        self._prefilter = Prefilter(self._patterns)
        self._requests = RequestFilter(self._patterns)

    def scrub(self, text: str) -> str:
        """`text` with every secret replaced; the same object when there is none.

        Anything that goes wrong gives `[REDACTION_FAILED]`: what cannot be read is not sent.
        """
        try:
            if len(text) < _SHORTEST or _NAME.match(text) is not None:
                return text
            return self._scrub(text)
        except Exception:
            return FAILED

    def find(self, text: str) -> list[Find]:
        """What `scrub` would replace, in order and without overlap.

        Raises whatever goes wrong: for evaluation and explanation, not for the road.
        """
        view, found = self._found(text)
        if view is None:
            return [Find(start, end, pattern.name) for start, end, pattern in found]
        return [
            Find(view.original(start), view.original(end), pattern.name)
            for start, end, pattern in found
        ]

    def scrub_attribute(self, key: str, text: str) -> str:
        """`scrub`, or the whole value replaced when `key` names a secret (`db.password`)."""
        try:
            if text and names_a_secret(key):
                return text if is_marker(text) else self.marker("SECRET", text)
        except Exception:
            return FAILED
        return self.scrub(text)

    def marker(self, name: str, value: str) -> str:
        """`[NAME:7f3a]` for a secret in its canonical form."""
        data = value.encode("utf-8", "surrogatepass")
        digest = hashlib.blake2b(data, digest_size=2, key=self._key, person=name.encode()[:16])
        return f"[{name}:{digest.hexdigest()}]"

    def suspicious(self, data: bytes) -> bool:
        """False proves that no string inside `data`, a serialised OTLP request, needs a change.

        True says no more than: open it and look.
        """
        try:
            return self._requests.suspicious(data)
        except Exception:
            return True

    def _scrub(self, text: str) -> str:
        view, found = self._found(text)
        return self._replace(text, view, found) if found else text

    def _found(self, text: str) -> tuple[View | None, list[tuple[int, int, Pattern]]]:
        view: View | None = None
        if "\\u" in text and HIDING.search(text) is not None:
            view = View(text)
        candidates = self._prefilter.candidates(text if view is None else view.text)
        if not candidates:
            return None, []
        if view is None and "\\" in text:
            view = View(text)
        return view, _merge(candidates, text if view is None else view.text)

    def _replace(self, text: str, view: View | None, found: list[tuple[int, int, Pattern]]) -> str:
        pieces: list[str] = []
        position = 0
        for begin, stop, pattern in found:
            if view is None:
                start, end, value = begin, stop, text[begin:stop]
            else:
                start, end = view.original(begin), view.original(stop)
                value = view.text[begin:stop]
            pieces += (text[position:start], self.marker(pattern.name, pattern.canonical(value)))
            position = end
        pieces.append(text[position:])
        return "".join(pieces)


def _merge(patterns: Iterable[Pattern], text: str) -> list[tuple[int, int, Pattern]]:
    """All finds in order; where two overlap, one find over both, named by the earlier row."""
    found = [
        (start, end, rank, pattern)
        for rank, pattern in enumerate(patterns)
        for start, end in pattern.find(text)
    ]
    found.sort(key=lambda item: (item[0], item[2]))
    merged: list[tuple[int, int, int, Pattern]] = []
    for start, end, rank, pattern in found:
        if merged and start < merged[-1][1]:
            first_start, first_end, first_rank, first = merged[-1]
            better = (first_rank, first) if first_rank <= rank else (rank, pattern)
            merged[-1] = (first_start, max(first_end, end), *better)
        else:
            merged.append((start, end, rank, pattern))
    return [(start, end, pattern) for start, end, _, pattern in merged]
