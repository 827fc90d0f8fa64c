# SPDX-License-Identifier: Apache-2.0
"""Necessary conditions: questions so cheap that clean text pays for little else."""

from __future__ import annotations

from agentstack_processors.redaction.patterns import Pattern

_SEPARATORS = b" -.\xa0?"  # "?" is what a separator outside Latin-1 becomes
SHAPE = bytes(
    ord("0") if byte in b"0123456789" else ord("-") if byte in _SEPARATORS else byte
    for byte in range(256)
)


class Prefilter:
    """Which rows of the table are worth asking, for a text or for a whole request."""

    def __init__(self, patterns: tuple[Pattern, ...]) -> None:
        self._patterns = patterns

    def candidates(self, text: str) -> list[Pattern]:
        """The rows whose necessary conditions `text` meets."""
        lower = text.lower()
        shape = text.encode("latin-1", "replace").translate(SHAPE)
        return [
            pattern
            for pattern in self._patterns
            if (not pattern.needles or any(needle in lower for needle in pattern.needles))
            and (not pattern.shapes or any(piece in shape for piece in pattern.shapes))
        ]

    def suspicious(self, data: bytes) -> bool:
        """True: open it and look."""
        return len(data) > 0
