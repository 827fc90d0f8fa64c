# SPDX-License-Identifier: Apache-2.0
"""`AGENTSTACK_CONTENT` on the server: what becomes of prompts and results that senders kept."""

from __future__ import annotations

import os
from pathlib import Path

from agentstack_processors.redaction import Redactor
from agentstack_processors.redaction import redactor as redaction
from agentstack_processors.redaction.content import ContentPolicy

_KEY_BYTES = 32


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

    def suspicious(self, data: bytes) -> bool:
        """As `Redactor.suspicious`; without content every request has to be opened."""
        return self._policy.mode == "none" or self._redactor.suspicious(data)


def make(mode: str, key_file: Path, key: str = "") -> Redactor | ContentRedactor:
    """The redactor for a content mode.

    Args:
        mode: `none`, `scrubbed` or `full`.
        key_file: Where the installation's own marker key is kept. It is drawn once per data
            folder, so that equal values keep equal markers across restarts.
        key: Marker key to use instead: with the one the senders have
            (`AGENTSTACK_REDACTION_KEY`), the markers made here equal those made there.

    Raises:
        ConfigError: There is no such mode.
    """
    policy = ContentPolicy(mode)
    policy.validate()
    redactor = Redactor(redaction.Config(key=key or _key(key_file)))
    return redactor if mode == "scrubbed" else ContentRedactor(policy, redactor)


def _key(path: Path) -> bytes:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_bytes()
    with os.fdopen(handle, "wb") as file:
        key = os.urandom(_KEY_BYTES)
        file.write(key)
    return key


__all__ = ["ContentRedactor", "make"]
