# SPDX-License-Identifier: Apache-2.0
"""What may leave the process: content policy and redaction, closed when they fail.

| AGENTSTACK_CONTENT | prompts, answers, arguments, results | everything else |
|---|---|---|
| `none` | dropped | redacted |
| `scrubbed` | redacted | redacted |
| `full` | as they are | redacted |

`AGENTSTACK_REDACTION=false` switches the redaction off, never the dropping. A wrong
AGENTSTACK_REDACTION_* setting withholds every text: what was to be hidden is not known.
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from agentstack_processors.verdicts import ConfigError

from agentstack_exporters.otlp.redaction_settings import Redaction

_logger = logging.getLogger("agentstack")

FAILED = "[REDACTION_FAILED]"


class Redactor(Protocol):
    """The part of `agentstack_processors.redaction.Redactor` that is used here."""

    def scrub(self, text: str) -> str:
        """The text with secrets and personal data replaced by markers."""
        ...

    def scrub_attribute(self, key: str, text: str) -> str:
        """The same, for the value of a named attribute."""
        ...

    def scrub_parts(self, parts: Sequence[str]) -> list[str]:
        """The same, for texts that follow one another; a value may stand in several of them."""
        ...

    def suspicious(self, data: bytes) -> bool:
        """False proves that scrubbing would change nothing in these bytes."""
        ...


ContentTest = Callable[[str, str], bool]


def build_redactor(config: Config) -> Redactor:
    """The project's redactor; imported here so that a process that never exports pays nothing."""
    from agentstack_processors.redaction import Redactor

    return Redactor(config.wishes.config(config.key))


def build_content_test() -> ContentTest:
    """Says of (event name or "", attribute name) whether it carries content."""
    from agentstack_processors.redaction.content import is_event_content

    return is_event_content


@dataclass(frozen=True, slots=True)
class Config:
    """Settings of the guard at the exit of the process."""

    content: str = "scrubbed"
    """`none`, `scrubbed` or `full`; see the module."""
    redaction: bool = True
    """False lets texts pass as they are."""
    key: str = field(default="", repr=False)
    """Secret of the fingerprints in markers; empty: drawn at random per process."""
    wishes: Redaction = field(default_factory=Redaction)
    """What is looked for and what becomes of it."""

    def validate(self) -> None:
        """Raise ConfigError for a content policy that does not exist."""
        if self.content not in ("none", "scrubbed", "full"):
            raise ConfigError("content must be none, scrubbed or full")


class Privacy:
    """Decide over every text on its way out; never raises, never passes what it could not judge.

    Args:
        config: What may leave.
        redactor: Builds the redactor. When that fails, content is dropped and every other text
            becomes `[REDACTION_FAILED]`.
        content: Builds the test for content attributes.
    """

    def __init__(
        self,
        config: Config,
        redactor: Callable[[Config], Redactor] = build_redactor,
        content: Callable[[], ContentTest] = build_content_test,
    ) -> None:
        config.validate()
        self._redactor: Redactor | None = None
        self._is_content: ContentTest = _anything
        self._redact = config.redaction
        self._drop = config.content == "none"
        self._keep = config.content == "full"
        self._warned = False
        self._failures = 0
        self._fast = _has_re2()
        try:
            self._is_content = content()
            if config.redaction:
                self._redactor = redactor(config)
        except Exception as error:  # closed, whatever is broken
            self._redact, self._drop, self._keep = True, True, False
            _logger.error(
                "AgentStack: redaction could not be set up (%s); texts are withheld, "
                "only times and numbers are exported",
                error if isinstance(error, ConfigError) else repr(error),
            )

    @property
    def asks_bytes(self) -> bool:
        """Whether a question about bytes costs less than one about each text in them.

        With RE2 (it comes with the server, or as the extra `fast`) a span is asked in 2 µs; without
        it the question costs more than the answer.
        """
        return self._fast or not self._redact

    @property
    def failures(self) -> int:
        """Texts that were replaced because they could not be judged."""
        return self._failures + int(getattr(self._redactor, "failures", 0))

    def drops(self, key: str) -> bool:
        """True when the attribute must not leave."""
        return self._drop and self._is_content("", key)

    def drops_in_event(self, event: str, key: str) -> bool:
        """True when the attribute of a span event must not leave."""
        return self._drop and self._is_content(event, key)

    def suspicious(self, data: bytes) -> bool:
        """False proves that no text in these bytes would be changed."""
        if not self._redact:
            return False
        try:
            return self._redactor is None or self._redactor.suspicious(data)
        except Exception as error:
            self._warn(error)
            return True

    def text(self, value: str) -> str:
        """A name, a message, a status, as it may leave."""
        try:
            return self._redactor.scrub(value) if self._redactor else self._unjudged(value)
        except Exception as error:
            self._warn(error)
            return FAILED

    def attribute(self, key: str, value: str) -> str:
        """The text of an attribute as it may leave."""
        try:
            if self._keep and self._is_content("", key):
                return value
            if self._redactor is None:
                return self._unjudged(value)
            return self._redactor.scrub_attribute(key, value)
        except Exception as error:
            self._warn(error)
            return FAILED

    def parts(self, key: str, values: Sequence[str]) -> list[str]:
        """The texts of an array as they may leave; a secret may be cut up over several of them."""
        try:
            if self._redactor is None or (self._keep and self._is_content("", key)):
                return [self.attribute(key, value) for value in values]
            from agentstack_processors.redaction.arrays import scrub_array

            return scrub_array(self._redactor, key, values)
        except Exception as error:
            self._warn(error)
            return [FAILED for _ in values]

    def number(self, key: str, value: float) -> str | None:
        """What leaves instead of a number that is somebody's; None when it may stay."""
        if self._redactor is None:
            return None
        try:
            if self._keep and self._is_content("", key):
                return None
            from agentstack_processors.redaction.numbers import scrub_number

            return scrub_number(key, value, self._redactor.scrub)
        except Exception as error:
            self._warn(error)
            return FAILED

    def names_secret(self, key: str) -> bool:
        """Whether whatever stands under this name is a secret, numbers included."""
        try:
            from agentstack_processors.redaction.keys import names_a_secret

            return names_a_secret(key)
        except Exception as error:
            self._warn(error)
            return True

    def _unjudged(self, value: str) -> str:
        if not self._redact:
            return value
        self._failures += 1
        return FAILED

    def _warn(self, error: Exception) -> None:
        self._failures += 1
        if not self._warned:
            self._warned = True
            _logger.error(
                "AgentStack: redaction failed (%r); affected texts are exported as %s",
                type(error).__name__,  # the message could quote the text
                FAILED,
            )


def _has_re2() -> bool:
    try:
        return importlib.util.find_spec("re2") is not None
    except (ImportError, ValueError):  # somebody put None in its place
        return False


def _anything(_event: str, _key: str) -> bool:
    return True


__all__ = ["FAILED", "Config", "Privacy", "Redactor"]
