# SPDX-License-Identifier: Apache-2.0
"""`AGENTSTACK_CONTENT` and `AGENTSTACK_REDACTION_*` on the server, for what senders did not do."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from agentstack_exporters.otlp.parsing import parse
from agentstack_exporters.otlp.redaction_settings import Redaction
from agentstack_processors.redaction import Redactor
from agentstack_processors.redaction.content import ContentPolicy
from agentstack_processors.verdicts import ConfigError

_KEY_BYTES = 32
_WISHES = ("types", "mode", "patterns", "allow")


class ContentRedactor:
    """A redactor that also obeys a content policy.

    `none` empties content attributes, `scrubbed` redacts them, `full` leaves them as they came.
    Everything else is redacted in any case.
    """

    def __init__(self, policy: ContentPolicy, redactor: Redactor) -> None:
        policy.validate()
        self._policy = policy
        self._redactor = redactor

    def scrub(self, text: str) -> str:
        """As `Redactor.scrub`."""
        return self._redactor.scrub(text)

    def scrub_attribute(self, key: str, text: str) -> str:
        """As `Redactor.scrub_attribute`, after the policy has been asked."""
        if self._policy.drops(key):
            return ""
        return text if self._policy.leaves_alone(key) else self._redactor.scrub_attribute(key, text)

    def scrub_parts(self, parts: Sequence[str]) -> list[str]:
        """As `Redactor.scrub_parts`."""
        return self._redactor.scrub_parts(parts)

    def suspicious(self, data: bytes, view: bytes | memoryview | None = None) -> bool:
        """As `Redactor.suspicious`; without content every request has to be opened."""
        return self._policy.mode == "none" or self._redactor.suspicious(data, view)

    def glance(self, data: bytes, view: bytes | memoryview | None = None) -> bool | None:
        """As `Redactor.glance`."""
        return self._policy.mode == "none" or self._redactor.glance(data, view)


def wishes(env: Mapping[str, str]) -> Redaction:
    """What an environment says is to be redacted and how, in the words the SDK understands.

    Raises:
        ConfigError: `AGENTSTACK_REDACTION_TYPES`, `_MODE`, `_PATTERNS` or `_ALLOW` makes no sense;
            the sentence names it. A server, unlike the SDK, does not start then.
    """
    said = {name: env.get(f"AGENTSTACK_REDACTION_{name.upper()}", "").strip() for name in _WISHES}
    try:
        found = Redaction(**{name: parse(raw, "lines") for name, raw in said.items() if raw})
    except ValueError as error:
        raise ConfigError(f"AGENTSTACK_REDACTION_PATTERNS, _ALLOW: {error}") from error
    found.validate()
    return found


def make(
    mode: str, key_file: Path, key: str = "", redaction: Redaction | None = None
) -> Redactor | ContentRedactor:
    """The redactor for a content mode.

    Args:
        mode: `none`, `scrubbed` or `full`.
        key_file: Where the installation's own marker key is kept. It is drawn once per data
            folder, so that equal values keep equal markers across restarts.
        key: Marker key to use instead: with the one the senders have
            (`AGENTSTACK_REDACTION_KEY`), the markers made here equal those made there.
        redaction: What is looked for and what becomes of it; default: everything usual.

    Raises:
        ConfigError: There is no such mode, or a wish makes no sense.
    """
    policy = ContentPolicy(mode)
    policy.validate()
    wanted = redaction or Redaction()
    wanted.validate()  # before a key is drawn
    redactor = Redactor(wanted.config(key or installation_key(key_file)))
    return redactor if mode == "scrubbed" else ContentRedactor(policy, redactor)


def installation_key(path: Path) -> bytes:
    """The data folder's own marker key, drawn when there is none yet."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        key = os.urandom(_KEY_BYTES)
        file.write(key)
    return key


__all__ = ["ContentRedactor", "Redaction", "installation_key", "make", "wishes"]
